import { recordAudit } from '#shared/database/audit.ts'
import type { RunStatus } from '#shared/domain/run-states.ts'
import { volumeOf, workerOf } from '#shared/domain/worker-spec.ts'
import { beginUpload } from '#shared/database/uploads.ts'
import { setPlanActive } from '#shared/database/plans.ts'
import { begin, type Sql } from '#shared/database/sql.ts'
import { stopRun } from '#shared/database/user-moves.ts'
import type { ClusterCall } from '#shared/ports/cluster.ts'
import type { World } from '#shared/runtime/context.ts'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { makeReader, measured } from '#tests/support/runs.ts'
import { failed, succeeded } from '#tests/support/scripted-cluster.ts'
import { deliver } from '#tests/support/functions.ts'
import finishRun from '../../functions/steps/finish-run/function.ts'
import initializeRun from '../../functions/steps/initialize-run/function.ts'
import matchData from '../../functions/steps/match-data/function.ts'
import observeWorker from '../../functions/steps/observe-worker/function.ts'
import projectRuns from '../../functions/steps/project-runs/function.ts'
import startRun from '../../functions/steps/start-run/function.ts'
import type { Quiet, QuietWorld } from './quiet-world.ts'

/** A data with its volume, as an upload leaves them. */
export async function push(world: QuietWorld, ...tags: string[]): Promise<string> {
  const knitId = await makeData(world, ...tags)
  world.cluster.volumes.set(volumeOf(knitId), measured)
  return knitId
}

/** A user takes the tags of a data away while it is being projected, so that what it was nominated for is left to that. */
export async function loseTags({ sql }: World, knitId: string): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`update data set tags = '{}' where id = ${knitId}`
    const request = { route: 'data.tag', subjects: [knitId], status: 200 }
    await recordAudit(tx, { actor: 'ann', requestId: '', trace: '', ...request })
  })
}

export const match = (world: World, planId: string): Promise<unknown> =>
  deliver(matchData, world, 'plan.registered', { planId })

export type Told = { runId: string; attempt: number; planId: string }

/** A run that waits, of a plan with an input, an output and a log. */
async function runThatWaits(world: QuietWorld): Promise<Told> {
  const planId = await makePlan(world, {
    inputs: { '/in': ['made:up'] },
    outputs: { '/out': ['made:here'] },
    log: [],
  })
  await push(world, 'made:up')
  return waitingRun(world, planId)
}

/** The run of a plan that one data fits. */
export async function waitingRun(world: World, planId: string): Promise<Told> {
  await match(world, planId)
  await deliver(projectRuns, world, 'data.nominated', { planId })
  const [run] = await world.sql<{ id: string }[]>`select id from run where plan_id = ${planId}`
  return { runId: run?.id ?? '', attempt: 1, planId }
}

/** A plan that would create four runs, and makes none unasked. */
export async function pausedPlan(world: QuietWorld): Promise<string> {
  const planId = await makePlan(world, { inputs: { '/a': ['kind:a'], '/b': ['kind:b'] } })
  for (const kind of ['a', 'a', 'b', 'b']) await push(world, `kind:${kind}`)
  await match(world, planId)
  world.config = { ...world.config, maxCombinations: 3 }
  await deliver(projectRuns, world, 'data.nominated', { planId })
  return planId
}

type Leg<W extends World = QuietWorld> = (world: W, run: Told) => unknown

/** How a run goes on. */
export const legs = {
  initialize: (world, { planId }) => deliver(initializeRun, world, 'run.waiting', { planId }),
  start: (world, run) => deliver(startRun, world, 'run.ready', told(run)),
  observe: (world, run) => deliver(observeWorker, world, 'run.starting', told(run)),
  end: (world) => world.endPrograms(),
  finish: (world, run) => deliver(finishRun, world, 'run.completing', told(run)),
} satisfies Record<string, Leg<Quiet<World>>>
const { initialize, start, observe, finish } = legs
const endWell: Leg = ({ cluster }, run) => cluster.set(nameOf(run), succeeded())
const endBadly: Leg = ({ cluster }, run) => cluster.set(nameOf(run), failed())

/** What the event about a run says. */
export const told = ({ runId, attempt }: Told) => ({ runId, attempt })
/** Its worker, by name. */
export const nameOf = ({ runId, attempt }: Told) => workerOf({ id: runId, attempt })

const hold: Leg = ({ sql }, { planId }) => setPlanActive(sql, planId, false, { actor: 'test' })

const ways = {
  deactivated: [hold],
  waiting: [],
  ready: [initialize],
  starting: [initialize, start],
  running: [initialize, start, observe],
  completing: [initialize, start, observe, endWell, observe],
  aborting: [initialize, start, observe, endBadly, observe],
  done: [initialize, start, observe, endWell, observe, finish],
  failed: [initialize, start, observe, endBadly, observe, finish],
} satisfies Partial<Record<RunStatus, Leg[]>>

/** A run that its steps have brought to a status. */
export async function runIn(world: QuietWorld, status: keyof typeof ways): Promise<Told> {
  const run = await runThatWaits(world)
  for (const leg of ways[status]) await leg(world, run)
  const [row] = await world.sql`select status from run where id = ${run.runId}`
  if (row?.['status'] !== status) throw new Error(`the run is ${row?.['status']}, not ${status}`)
  world.cluster.calls.length = 0
  return run
}

/** One that is done, and another downstream of it of which only a tombstone is left. */
export async function runAboveTombstone(world: QuietWorld): Promise<Told> {
  const run = await runIn(world, 'done')
  const made = await world.sql<{ id: string }[]>`select id from data where run_id = ${run.runId}`
  await makeReader(world, { outputs: made.map(({ id }) => id) }, 'invalidated')
  return run
}

/** An upload that its handler is at; gives back its run. */
export const beginOne = async ({ sql }: World): Promise<string> =>
  (await beginUpload(sql, [], 60, { actor: 'test' })).run.id

/** The user ends the upload that was begun last, unless one was ended before. */
export async function endUpload({ sql }: Pick<World, 'sql'>): Promise<void> {
  if (await hasEndedUpload({ sql })) return
  const [upload] = await sql<{ id: string }[]>`
    select id from run where status = 'running' order by id desc limit 1`
  await begin(sql, (tx) => stopRun(tx, upload?.id ?? '', 'aborting', { actor: 'ann' }))
}

export const hasEndedUpload = async ({ sql }: Pick<World, 'sql'>): Promise<boolean> =>
  (await sql`select from run where status in ('aborting', 'failed')`).length > 0

/** The state of a run's worker, as if it had come to that. */
export const setWorker = (
  { cluster }: QuietWorld,
  run: Told,
  state: Parameters<typeof cluster.set>[1],
): void => cluster.set(nameOf(run), state)

/** Its worker is gone, and nobody was told. */
export const loseWorker = ({ cluster }: QuietWorld, run: Told): void =>
  void cluster.workers.delete(nameOf(run))

/** A run has been where it is for longer than anybody waits. */
export async function waitLong({ sql }: World, { runId }: Told): Promise<void> {
  await sql`update run set updated_at = now() - interval '1 day' where id = ${runId}`
}

/** Its worker does not go but by force, which is due. */
export async function neverGoes(world: QuietWorld, run: Told): Promise<void> {
  world.cluster.stuck.add(nameOf(run))
  await waitLong(world, run)
}

/** A call of the cluster fails, every time or for so many times. */
export function failAt(
  { cluster }: QuietWorld,
  call: ClusterCall,
  error: Error,
  times = Infinity,
): void {
  cluster.failing.set(call, { error, left: times })
}

/** Of everything that is kept for a time, something that was kept long enough; and dead letters whose work was done since. */
export async function leaveOldRows(sql: Sql, runId: string): Promise<void> {
  const old = sql`now() - interval '2 years'`
  const letter = sql.json({ name: 'run.ready', subject: runId, data: { runId, attempt: 1 } })
  await sql`
    insert into hook_delivery (run_id, attempt, status, url, body, created_at, delivered_at)
    values (${runId}, 1, 'done', 'http://hooks.test/', '{}', ${old}, ${old})`
  await sql`
    insert into request (caller, key, fingerprint, created_at) values ('test', 'old', 'x', ${old})`
  await sql`insert into removed_volume (volume, removed_at) values ('old', ${old})`
  await sql`
    insert into audit (at, actor, route, subjects, status, request_id, trace)
    values (${old}, 'test', 'runs.abort', '{}', 200, 'r', 't')`
  await sql`insert into dead_letter (step, event, cause) values ('start-run', ${letter}, 'why')`
  await sql`
    insert into dead_letter (step, event, cause, last_at) values ('match-data', '{}', 'why', ${old})`
  await sql`insert into attempt (run_id, number) values (${runId}, 0)`
  await sql`
    insert into run_history (run_id, attempt, status, actor, at)
    values (${runId}, 0, 'waiting', 'test', ${old})`
}
