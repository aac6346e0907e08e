import type { Check } from '#shared/domain/check.ts'
import { dataOfVolume, runOfWorker, volumeOf, workerOf } from '#shared/domain/worker-spec.ts'
import {
  findDoomed,
  findExisting,
  findOver,
  listKept,
  listRunning,
} from '#shared/database/invariants/cluster.ts'
import type { Moment } from '#shared/database/invariants/invariant.ts'
import { askInvariants, mostThings, verdict } from '#shared/database/invariants/invariants.ts'
import { allVolumesOf } from '#shared/ports/cluster.ts'
import type { World } from './context.ts'
import { findSecrets } from './find-secrets.ts'

// Seconds the database has for one question: with a million data every one takes less.
const timeout = 30
const rowsAtOnce = 10_000

type Checked = Pick<World, 'sql' | 'cluster' | 'config' | 'logs'>

/**
 * Asks whether everything holds that must hold always: in the tables, and between them and the cluster. Work may be in progress
 * for `patience` seconds; with 0 the system is taken to be at rest, and nothing may be left to do. Changes nothing.
 */
export async function checkInvariants(world: Checked, patience: number): Promise<Check[]> {
  const moment = momentOf(world, patience)
  const checks = await askInvariants(world.sql, moment, timeout)
  for (const [sentence, look] of Object.entries(looksAt(world)))
    checks.push(await confirmed(sentence, () => look(world, moment)))
  return checks
}

function momentOf({ config }: Checked, patience: number): Moment {
  const { maxHookFailures, keepHistory } = config
  return { patience, maxHookFailures, keepHistory, secrets: secretsOf(config) }
}

// What is shorter stands in any text.
const shortestSecret = 8

function secretsOf({ signingKey, token = '', databaseUrl }: Checked['config']): string[] {
  const password = URL.canParse(databaseUrl) ? new URL(databaseUrl).password : ''
  const secrets = new Set([signingKey, token, password, decoded(password)])
  return [...secrets].filter(({ length }) => length >= shortestSecret)
}

/** A password in a URL may have been given with a percent sign of its own. */
function decoded(password: string): string {
  try {
    return decodeURIComponent(password)
  } catch {
    return password
  }
}

/** What must hold between tables and cluster; each look gives back what breaks it. */
const looks: Record<string, (world: Checked, moment: Moment) => Promise<string[]>> = {
  'Every volume is of a data, or is to be deleted.': findStrayVolumes,
  'Every data that can be used, or is being written, has its volume.': findMissingVolumes,
  'Every worker is of the current attempt of a run that needs it.': findStrayWorkers,
  'Every run that is running has its worker.': findMissingWorkers,
}

/** All that can be looked at: logs only where they are ours to read. */
const looksAt = ({ logs }: Checked): typeof looks => ({
  ...looks,
  ...(logs && {
    'No secret is in the logs of the home, nor in the newest ones of programs.': (
      { sql },
      moment,
    ) => findSecrets({ sql, logs }, moment.secrets),
  }),
})

/**
 * Tables and cluster cannot be seen in one moment, and what changes between two looks breaks nothing: it is not there when looked
 * for again.
 */
async function confirmed(sentence: string, look: () => Promise<string[]>): Promise<Check> {
  try {
    const suspects = await look()
    if (suspects.length === 0) return verdict(sentence, [])
    const again = new Set(await look())
    const sure = suspects.filter((thing) => again.has(thing))
    return verdict(sentence, sure.slice(0, mostThings))
  } catch (error) {
    const reason = `the cluster, or the database, did not tell: ${(error as Error).message}`
    return { sentence, state: 'unknown', things: [], reason }
  }
}

async function findStrayVolumes({ sql, cluster }: Checked): Promise<string[]> {
  const stray: string[] = []
  for await (const names of await cluster.listVolumes()) {
    const knitIds = names.flatMap((name) => dataOfVolume(name) ?? [])
    const [existing, doomed] = await Promise.all([
      findExisting(sql, knitIds),
      findDoomed(sql, names),
    ])
    const known = new Set([...existing.map(volumeOf), ...doomed])
    stray.push(...names.filter((name) => !known.has(name)))
  }
  return stray.map((name) => `volume ${name}`)
}

async function findMissingVolumes({ sql, cluster }: Checked): Promise<string[]> {
  const there = new Set(await allVolumesOf(cluster))
  const missing: string[] = []
  for (let last: string | undefined; ;) {
    const kept = await listKept(sql, last, rowsAtOnce)
    missing.push(...kept.filter((knitId) => !there.has(volumeOf(knitId))))
    last = kept.at(-1)
    if (kept.length < rowsAtOnce) return missing.map((knitId) => `data ${knitId}`)
  }
}

async function findStrayWorkers({ sql, cluster }: Checked, moment: Moment): Promise<string[]> {
  const attempts = (await cluster.listWorkers()).flatMap(({ name }) => runOfWorker(name) ?? [])
  const over = await findOver(sql, attempts, moment)
  return over.map((attempt) => `worker ${workerOf(attempt)}`)
}

async function findMissingWorkers({ sql, cluster }: Checked, moment: Moment): Promise<string[]> {
  const running = await listRunning(sql, moment)
  const there = new Set((await cluster.listWorkers()).map(({ name }) => name))
  return running
    .filter((attempt) => !there.has(workerOf(attempt)))
    .map(({ id, attempt }) => `run ${id} attempt ${attempt}`)
}
