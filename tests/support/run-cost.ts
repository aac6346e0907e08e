import type { Sql } from '#shared/database/sql.ts'
import { workerOf } from '#shared/domain/worker-spec.ts'
import { cloneDatabase } from './database.ts'
import { makeData, makePlan } from './makers.ts'
import { succeeded } from './scripted-cluster.ts'
import { startEngine, type Engine } from './running-engine.ts'
import { makeWorld } from './world.ts'

/** What a Run costs the database and the bus, on average. */
export type RunCost = {
  statements: number
  events: number
  /** Of the write-ahead log, by the sessions of the engine: without checkpoints and vacuum, which are nobody's. */
  bytes: number
}

const tags = ['cost:0', 'cost:1', 'cost:2', 'cost:3']
const steps = tags.length - 1

/** Pushes data, so many at a time, into a chain of three plans, and counts what their Runs cost until all are done. */
export async function measureRunCost(times: number, atOnce: number): Promise<RunCost> {
  let statements = 0
  // One connection, whose log is counted: that of the whole server is also what other tests write.
  const database = await cloneDatabase({ max: 1, debug: () => void (statements += 1) })
  const { sql } = database
  const engine = startEngine(makeWorld(sql))
  let events = 0
  const { publish } = engine.bus
  engine.world.bus = engine.bus
  engine.bus.publish = async (told) => {
    events += told.length
    await publish(told)
    // As every real one, a program is seen running before it ends.
    for (const { name, data } of told) if (name === 'run.running') end(engine, data as OfRun)
  }
  await makeChain(engine)
  const total: RunCost = { statements: 0, events: 0, bytes: 0 }
  // The first time also prepares statements.
  for (let time = 0; time <= times; time += 1) {
    for (let i = 0; i < atOnce; i += 1) await makeData(engine.world, tags[0] ?? '')
    const before = await bytesWritten(sql)
    statements = events = 0
    await engine.settle()
    const counted = { statements, events }
    if (time === 0) continue
    total.statements += counted.statements
    total.events += counted.events
    total.bytes += (await bytesWritten(sql)) - before
  }
  await checkAllDone(sql, (times + 1) * atOnce * steps)
  await engine.stop()
  await database.drop()
  const runs = times * atOnce * steps
  return {
    statements: total.statements / runs,
    events: total.events / runs,
    bytes: total.bytes / runs,
  }
}

type OfRun = { runId: string; attempt: number }

const end = ({ world }: Engine, { runId, attempt }: OfRun): void =>
  world.cluster.set(workerOf({ id: runId, attempt }), succeeded())

async function makeChain({ world }: Engine): Promise<void> {
  for (let step = 0; step < steps; step += 1) {
    const mounts = {
      inputs: { '/in': [tags[step] ?? ''] },
      outputs: { '/out': [tags[step + 1] ?? ''] },
    }
    await makePlan(world, mounts)
  }
}

async function bytesWritten(sql: Sql): Promise<number> {
  await sql`select pg_stat_force_next_flush()`
  const [row] = await sql<{ bytes: number }[]>`
    select wal_bytes::float8 as bytes from pg_stat_get_backend_wal(pg_backend_pid())`
  return row?.bytes ?? Number.NaN
}

async function checkAllDone(sql: Sql, expected: number): Promise<void> {
  const [row] = await sql<{ done: number; runs: number; ran: number }[]>`
    select count(*) filter (where status = 'done')::integer as done,
           count(*)::integer as runs,
           count(*) filter (
             where exists (select from run_history where run_id = run.id and status = 'running')
           )::integer as ran
      from run join plan on plan.id = plan_id and plan.name is null`
  if (row?.done !== expected || row.runs !== expected || row.ran !== expected)
    throw new Error(
      `${row?.ran} of ${row?.runs} Runs ran and ${row?.done} are done, not ${expected}`,
    )
}
