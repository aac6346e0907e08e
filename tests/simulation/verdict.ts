import type { Sql } from '#shared/database/sql.ts'
import { workerOf } from '#shared/domain/worker-spec.ts'
import { checkInvariants } from '#shared/runtime/check-invariants.ts'
import { makeWorld } from '#tests/support/functions.ts'
import type { SimulatedCluster } from './cluster.ts'
import { lookAround } from './sight.ts'
import type { Users } from './users.ts'
import type { Told } from './wishes.ts'

/** The sentences that are broken; `patience` as for operators. */
export async function findBroken(
  sql: Sql,
  cluster: SimulatedCluster,
  patience: number,
): Promise<string[]> {
  const checks = await checkInvariants({ ...makeWorld(sql), cluster: cluster as never }, patience)
  return checks.flatMap(({ sentence, state, things, reason }) =>
    state === 'holds' ? [] : [`${state}: ${sentence} ${reason ?? things.join(', ')}`],
  )
}

/** Everything that is wrong once all has come to rest. */
export async function findFaults(
  sql: Sql,
  cluster: SimulatedCluster,
  { told, asked }: Users,
): Promise<string[]> {
  return [
    ...(await findBroken(sql, cluster, 0)),
    ...cluster.mishaps,
    ...(await findMissing(sql)),
    ...(await findMishaps(sql)),
    ...(await findForeign(sql)),
    ...(await findUnexplained(sql)),
    ...(await findBrokenPromises(sql, told, asked)),
  ]
}

/** Combinations without a run, found by trying all data for all inputs. */
async function findMissing(sql: Sql): Promise<string[]> {
  const data = await sql<{ id: string; tags: number[] }[]>`
    select id, tags from data where ready order by id`
  const plans = await sql<{ id: string; inputs: { id: number; tags: number[] }[] }[]>`
    select plan.id,
           (select json_agg(json_build_object('id', id, 'tags', tags) order by id)
              from input where plan_id = plan.id) as inputs
      from plan
     where name is null and would_create is null`
  const runs = await sql<{ made: string }[]>`
    select plan_id || ': ' || string_agg(knit_id::text, ' ' order by input_id) as made
      from assign
     group by run_id, plan_id`
  const made = new Set(runs.map((run) => run.made))
  const right = plans.flatMap(({ id, inputs }) => {
    let partial: string[][] = [[]]
    for (const { tags } of inputs) {
      const fitting = data.filter((one) => tags.every((tag) => one.tags.includes(tag)))
      partial = partial.flatMap((chosen) => fitting.map((one) => [...chosen, one.id]))
    }
    return partial.map((chosen) => `${id}: ${chosen.join(' ')}`)
  })
  return right.filter((one) => !made.has(one)).map((one) => `no run was made for ${one}`)
}

/** What was wrong only for a while. */
async function findMishaps(sql: Sql): Promise<string[]> {
  const rows = await sql<{ what: string }[]>`select distinct what from sim.mishap order by what`
  return rows.map(({ what }) => what)
}

/** Data whose bytes are not those that the attempt of the run that is done has written. */
async function findForeign(sql: Sql): Promise<string[]> {
  const rows = await sql<
    {
      id: string
      runId: string
      attempt: number
      uid: string
      digest: string
      isStopped: boolean
    }[]
  >`
    select data.id, run.id as "runId", attempt, coalesce(digest, 'none') as digest,
           (select worker_uid from attempt where run_id = run.id and number = run.attempt) as uid,
           exists (
             select from run_history as told
              where told.run_id = run.id and told.attempt = run.attempt and actor = 'ann' and told.status = 'completing'
           ) as "isStopped"
      from data
      join run on run.id = run_id
      join plan on plan.id = run.plan_id
     where ready and name is null`
  return rows.flatMap(({ id, runId, attempt, uid, digest, isStopped }) => {
    const own = `sha256:${workerOf({ id: runId, attempt })} `
    // What was stopped early is kept as it is: nobody waits for its program, and nothing may have been written.
    const isOwn = isStopped
      ? digest === 'sha256:nothing' || digest.startsWith(own)
      : digest === `${own}${uid}`
    return isOwn ? [] : [`data ${id} holds ${digest}, not what ${uid} of attempt ${attempt} wrote`]
  })
}

/** Runs that have failed of which nobody is told why. */
async function findUnexplained(sql: Sql): Promise<string[]> {
  const rows = await sql<{ id: string; attempt: number }[]>`
    select run.id, attempt
      from run
      join plan on plan.id = plan_id
     where status = 'failed'
       and name is null
       and not exists (
         select from attempt as own
          where own.run_id = run.id and number = run.attempt and cause is not null
       )
     order by run.id`
  return rows.map(
    ({ id, attempt }) => `run ${id} failed at attempt ${attempt}, and nothing says why`,
  )
}

/** What users were told is so, and is not. */
async function findBrokenPromises(
  sql: Sql,
  told: Told,
  asked: ReadonlySet<string>,
): Promise<string[]> {
  const sight = await lookAround(sql)
  const tags = new Map(sight.data.map((data) => [data.id, data.tags]))
  const wrongTags = [...told.tags].flatMap(([id, wanted]) => {
    const carried = tags.get(id)?.join(' ')
    const right = [...wanted].toSorted().join(' ')
    return carried === undefined || carried === right
      ? []
      : [`data ${id} carries ${carried}, not ${right}`]
  })
  const lost = [...told.uploads]
    .filter(([id, runId]) => !tags.has(id) && !told.moves.has(`${runId} invalidated`))
    .map(([id]) => `data ${id} was kept for its user, and is gone`)
  const plans = await sql<{ id: string; active: boolean }[]>`select id, active from plan`
  const active = new Map(plans.map((plan) => [plan.id, plan.active]))
  const wrongPlans = [...told.plans].flatMap(([id, right]) =>
    active.get(id) === right ? [] : [`plan ${id} is not ${right ? 'active' : 'inactive'}`],
  )
  return [...wrongTags, ...lost, ...wrongPlans, ...(await findWrongMoves(sql, told, asked))]
}

/** Moves of users that were made another number of times than they were granted. */
async function findWrongMoves(
  sql: Sql,
  { moves }: Told,
  asked: ReadonlySet<string>,
): Promise<string[]> {
  const rows = await sql<{ move: string; count: number }[]>`
    select run_id || ' ' || case
             when from_status in ('done', 'failed') and status <> 'invalidated' then 'again'
             else status
           end as move,
           count(*)::integer as count
      from run_history as told
     where actor = 'ann'
       and run_id = any (${[...asked]}::uuid[])
       -- What the handler of an upload took back, nobody had asked for.
       and not exists (
         select from run_history as taken
          where taken.run_id = told.run_id and actor = 'ann' and status = 'failed'
       )
       and (status in ('aborting', 'invalidated')
            or status = 'completing' and reason is not null
            or from_status in ('done', 'failed'))
     group by 1`
  const made = new Map(rows.map(({ move, count }) => [move, count]))
  const all = new Set([...moves.keys(), ...made.keys()])
  return [...all].flatMap((move) => {
    const [granted, done] = [moves.get(move) ?? 0, made.get(move) ?? 0]
    return granted === done ? [] : [`run ${move}: granted ${granted} times, made ${done} times`]
  })
}
