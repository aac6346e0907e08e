import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pack } from '#shared/archive/pack.ts'
import { connectApi, type KnitApi } from '#shared/client/connect.ts'
import { plans } from '#shared/contracts/plans.ts'
import { runs } from '#shared/contracts/runs.ts'
import { connect, type Sql } from '#shared/database/sql.ts'
import { startHomeWith, type HomeOptions, type RunningHome } from '#tests/support/local-home.ts'
import { waitingFor, type Bench } from './harness.ts'

/** A local home as its users have it: a process of its own, reached over HTTP. */
export type BlackBox = { running: RunningHome; api: KnitApi; folder: string }

export const blackBox = (bench: Bench): Promise<BlackBox> => blackBoxWith(bench)

export async function blackBoxWith(bench: Bench, options: HomeOptions = {}): Promise<BlackBox> {
  const folder = await bench.folder('home')
  const running = await startHomeWith(join(folder, 'home'), {
    ...options,
    args: ['--engine', 'sandbox'],
  })
  tellWhenGone(bench, running)
  return { running, api: connectApi({ apiRoot: running.apiRoot }), folder }
}

/** A home that ends by itself says why, whatever becomes of the benchmark. */
function tellWhenGone(bench: Bench, running: RunningHome): void {
  let isWanted = true
  void running.ended().then((code) => {
    if (isWanted)
      bench.say(`the local home ended with ${code}; at last it said:\n${lastLines(running)}`)
  })
  bench.onEnd(async () => {
    isWanted = false
    await running.stop()
  })
}

const lastLines = (running: RunningHome): string =>
  running.output().split('\n').slice(-20).join('\n')

/** Plans in a row, each with a line of shell that copies what it is given; gives back their ids. */
export async function chainOfPlans(api: KnitApi, tags: readonly string[]): Promise<string[]> {
  const ids: string[] = []
  for (const [index, tag] of tags.slice(0, -1).entries()) {
    const plan = await api.call(plans.apply, {
      body: {
        image: 'knit.local/host:1',
        entrypoint: ['sh', '-c', 'cat /in/* > /out/text'],
        inputs: [{ path: '/in', tags: [tag] }],
        outputs: [{ path: '/out', tags: [tags[index + 1] ?? ''] }],
      },
    })
    ids.push(plan.planId)
  }
  return ids
}

/** A folder with one small file. */
export function smallFolder({ folder }: BlackBox): string {
  const path = join(folder, 'small')
  mkdirSync(path, { recursive: true })
  writeFileSync(join(path, 'text'), 'a line of text\n')
  return path
}

export const pushSmall = ({ api }: BlackBox, source: string, tag: string) =>
  api.push(pack(source), { tags: [tag] })

/** Waits until so many Runs of a plan are done. Rejects when one has failed. */
export async function untilDone(api: KnitApi, planId: string, count: number): Promise<void> {
  const pause = waitingFor(`${count} Runs of the plan ${planId} to be done`)
  for (;;) {
    const found = await api.call(runs.find, { plan: planId })
    const failed = found.find(({ status }) => status === 'failed')
    if (failed) throw new Error(`a Run failed: ${JSON.stringify(failed.exit)}`)
    const done = found.filter(({ status }) => status === 'done').length
    if (done >= count) return
    await pause(Math.min(20 + found.length, 200), `${done} are`)
  }
}

/** Waits until so many Runs of a plan are done; asks the database, since the API would show each of them every time. */
export async function untilCounted(sql: Sql, planId: string, count: number): Promise<void> {
  const pause = waitingFor(`${count} Runs of the plan ${planId} to be done`)
  for (;;) {
    const [row] = await sql<{ done: number; failed: number }[]>`
      select count(*) filter (where status = 'done')::integer as done,
             count(*) filter (where status = 'failed')::integer as failed
        from run
       where plan_id = ${planId}`
    if (row && row.failed > 0) throw new Error(`${row.failed} Runs failed`)
    if (row && row.done >= count) return
    await pause(50, `${row?.done} are`)
  }
}

/** Connects to the Postgres of a local home: its socket is named in the file of the server's process. */
export function databaseOf(bench: Bench, { folder }: BlackBox): Sql {
  const pidFile = readFileSync(join(folder, 'home/postgres/data/postmaster.pid'), 'utf8')
  const lines = pidFile.split('\n')
  const path = join(lines[4] ?? dirname(folder), `.s.PGSQL.${lines[3]}`)
  const sql = connect('postgres://knit@embedded-postgres.invalid/postgres', { path, max: 1 })
  bench.onEnd(() => sql.end({ timeout: 5 }))
  return sql
}
