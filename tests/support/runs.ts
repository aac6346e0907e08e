import { randomUUID } from 'node:crypto'
import { canonicalQuantity } from '#shared/domain/quantity.ts'
import type { RunStatus } from '#shared/domain/run-states.ts'
import { volumeOf, workerSpec } from '#shared/domain/worker-spec.ts'
import { recordAttempt } from '#shared/database/runs.ts'
import { loadWork } from '#shared/database/work.ts'
import matchData from '../../functions/steps/match-data/function.ts'
import projectRuns from '../../functions/steps/project-runs/function.ts'
import { makeData, makePlan } from './makers.ts'
import { deliver, type TestWorld } from './world.ts'

/** How a run gets to each status by legal moves, from waiting. */
const ways: Record<RunStatus, RunStatus[]> = {
  deactivated: ['deactivated'],
  waiting: [],
  ready: ['ready'],
  starting: ['ready', 'starting'],
  running: ['ready', 'starting', 'running'],
  completing: ['ready', 'starting', 'running', 'completing'],
  aborting: ['ready', 'starting', 'running', 'aborting'],
  done: ['ready', 'starting', 'running', 'completing', 'done'],
  failed: ['ready', 'starting', 'running', 'aborting', 'failed'],
  invalidated: ['ready', 'starting', 'running', 'aborting', 'failed', 'invalidated'],
}
const withWorker: readonly RunStatus[] = ['starting', 'running', 'completing', 'aborting']

export type MadeRun = {
  runId: string
  planId: string
  attempt: number
  /** Name of its worker. */
  worker: string
  /** Ids of what it reads, and of what it writes, in the plan's order, the log last. */
  inputs: string[]
  outputs: string[]
}

export type RunWish = {
  status?: RunStatus
  /** A plan with one input that asks for `tag` alone; a new one unless given. */
  planId?: string
  tag?: string
  attempt?: number
}

/** A plan with one input, two outputs and a log, and the tag that starts it. */
export async function makeSimplePlan(
  world: TestWorld,
  resources: Record<string, string> = {},
): Promise<{ planId: string; tag: string }> {
  const tag = `start:${randomUUID()}`
  const mounts = {
    inputs: { '/in': [tag] },
    outputs: { '/out/a': ['made:a'], '/out/b': [] },
    log: ['made:log'],
  }
  const canonical = Object.entries(resources).map(([name, text]) => [name, canonicalQuantity(text)])
  const more = { resources: Object.fromEntries(canonical) as Record<string, string> }
  return { planId: await makePlan(world, mounts, more), tag }
}

/** Lets match-data and project-runs do all that is due, and forgets the events. */
export async function makeRunsDue(world: TestWorld, planId: string): Promise<void> {
  await deliver(matchData, world, 'plan.registered', { planId })
  await deliver(projectRuns, world, 'data.nominated', { planId })
  await world.sql`delete from outbox`
}

/** A run in a status, as the engine would have left it there, with nothing in the outbox. */
export async function makeRun(world: TestWorld, wish: RunWish = {}): Promise<MadeRun> {
  const { sql, cluster } = world
  const { planId = '', tag = '' } = wish.planId ? wish : await makeSimplePlan(world)
  const { status = 'waiting', attempt = 1 } = wish
  const knitId = await makeData(world, tag)
  await makeRunsDue(world, planId)
  const [run] = await sql<{ runId: string }[]>`
    select run_id as "runId" from assign where knit_id = ${knitId} and plan_id = ${planId}`
  if (!run) throw new Error('the data started no run')
  const { runId } = run
  await sql`update run set attempt = ${attempt} where id = ${runId}`
  for (const next of ways[status]) await sql`update run set status = ${next} where id = ${runId}`
  const work = await loadWork(sql, { id: runId, attempt })
  const spec = work && workerSpec({ id: runId, planId, attempt }, work)
  if (!work || !spec) throw new Error('the run is gone')
  const outputs = work.outputs.map((output) => output.knitId)
  if (status !== 'waiting' && status !== 'deactivated')
    for (const output of outputs) cluster.volumes.set(volumeOf(output), measured)
  if (withWorker.includes(status)) {
    const { name, uid } = await cluster.ensureWorker(spec)
    await sql.begin((tx) =>
      recordAttempt(
        tx,
        { id: runId, planId, status, attempt, claim: randomUUID(), failures: 0, hookFailures: 0 },
        { worker: name, workerUid: uid, image: work.image },
      ),
    )
    await cluster.releaseWorker({ name, uid })
    cluster.calls.length = 0
  }
  return { runId, planId, attempt, worker: spec.name, inputs: [knitId], outputs }
}

/** What a volume holds after the program has run. */
export const measured = { bytes: 7, files: 2, digest: 'sha256:seven' }

/** A run as the database has it, with how its current attempt ended. */
export async function readRun(world: TestWorld, runId: string) {
  const [run] = await world.sql`
    select run.status, run.attempt, run.claim, run.claimed_by as "claimedBy", run.failures,
           run.hook_failures as "hookFailures", run.reason,
           run.due_at > now() as later, attempt.exit_code as "exitCode",
           attempt.exit_message as "exitMessage", attempt.cause
      from run
      left join attempt on attempt.run_id = run.id and attempt.number = run.attempt
     where run.id = ${runId}`
  return run
}

/** Another takes the run, as if the claim of whoever serves it had expired. */
export async function steal(world: TestWorld, runId: string): Promise<void> {
  await world.sql`
    update run
       set claim = gen_random_uuid(),
           claimed_by = 'another',
           claimed_until = now() + interval '30 s'
     where id = ${runId}`
}

let timed: [table: string, columns: string[]][] | undefined

/** An hour passes, or so many seconds: claims, leases and patience end, and what was put off is due. Whatever is called so, in every table. */
export async function passTime({ sql }: Pick<TestWorld, 'sql'>, seconds = 3600): Promise<void> {
  timed ??= await timedColumns(sql)
  const updates = timed.map(([table, columns]) => {
    const earlier = columns.map((column) => `${column} = ${column} - interval '${seconds} s'`)
    return `update ${table} set ${earlier.join(', ')}`
  })
  await sql.unsafe(updates.join('; '))
}

async function timedColumns(sql: TestWorld['sql']): Promise<[string, string[]][]> {
  const found = await sql<{ table: string; column: string }[]>`
    select table_name as table, column_name as column
      from information_schema.columns
     where table_schema = 'public'
       and data_type = 'timestamp with time zone'
       and (column_name in ('due_at', 'updated_at') or column_name like '%\_until')`
  const tables = [...Map.groupBy(found, ({ table }) => table)]
  return tables.map(([table, of]) => [table, of.map(({ column }) => column)])
}

/** Where a run has been, the oldest first. */
export async function historyOf(world: TestWorld, runId: string): Promise<string[]> {
  const rows = await world.sql<{ status: string }[]>`
    select status from run_history where run_id = ${runId} order by id`
  return rows.map(({ status }) => status)
}

/** So many runs of a plan that read a data. */
export async function makeReaders(world: TestWorld, knitId: string, count: number): Promise<void> {
  const planId = await makePlan(world, { inputs: { '/in': ['any:thing'] } })
  await world.sql`
    with made as (
      insert into run (plan_id, status, combination)
      select ${planId}::uuid, 'done', sha256(i::text::bytea)
        from generate_series(1, ${count}::integer) as i
      returning id, plan_id
    )
    insert into assign (run_id, plan_id, input_id, knit_id)
    select made.id, made.plan_id, input.id, ${knitId}::uuid
      from made
      join input on input.plan_id = made.plan_id`
}

/** A run of another plan that reads what a run has written first, in a status. */
export async function makeReader(
  world: TestWorld,
  { outputs }: Pick<MadeRun, 'outputs'>,
  status: RunStatus,
): Promise<string> {
  const planId = await makePlan(world, { inputs: { '/in': ['any:thing'] } })
  const [reader] = await world.sql<{ runId: string }[]>`
    with made as (
      insert into run (plan_id, status, combination)
      values (${planId}, ${status}, sha256(${randomUUID()}::text::bytea))
      returning *
    )
    insert into assign (run_id, plan_id, input_id, knit_id)
    select made.id, made.plan_id, input.id, ${outputs[0] ?? ''}
      from made
      join input on input.plan_id = made.plan_id
    returning run_id as "runId"`
  return reader?.runId ?? ''
}
