import type { PlanQueue } from '#shared/domain/waits.ts'
import { isLater, isPutBack, isTakenOver, type Claimed } from './runs.ts'
import type { Fragment, Queryable, Tx } from './sql.ts'
import { turns } from './turns.ts'

/** Plans with runs that use the machine now or wait for it. */
export type Demand = {
  planId: string
  resources: Record<string, string>
  /** Runs that hold their resources: admitted, and not ended. */
  live: number
  /** Ids of the runs that wait, the oldest first. */
  waiting: string[]
}

// Claimed runs that wait have been admitted: their room is taken.
const live = (sql: Queryable): Fragment => sql`
  select plan_id, count(*)::integer as count
    from run
   where status in ('ready', 'starting', 'running', 'completing', 'aborting')
      or (status = 'waiting' and claimed_until > now())
   group by plan_id`

/** Of a run: it waits, and nobody serves it. What has never failed is due whatever the clock, which may have been set back. */
export const inQueue = (sql: Queryable): Fragment => sql`
  status = 'waiting'
  and (claim is null or claimed_until < now())
  and not (${isPutBack(sql)} and ${isLater(sql)})`

/** Who uses the machine and who waits for it, just now. It is asked for when somebody waits for it, so that it may follow something else. */
export const demandNow = (sql: Queryable, waitingPerPlan: number) => sql<Demand[]>`
    with live as (
      ${live(sql)}
    ), demand as (
      select plan_id from live
       union
      select plan_id from run where status = 'waiting'
    )
    select plan.id as "planId",
           plan.resources,
           coalesce(live.count, 0) as live,
           array(
             select id
               from run
              where plan_id = plan.id
                and ${inQueue(sql)}
              order by created_at, id
              limit ${waitingPerPlan}
           ) as waiting
      from demand
      join plan on plan.id = demand.plan_id and plan.name is null
      left join live on live.plan_id = plan.id
     order by plan.id`

/** The same, until the transaction ends unchanged by other admissions. */
export async function readDemand(tx: Tx, waitingPerPlan: number): Promise<Demand[]> {
  const isOurs = tx`select pg_advisory_xact_lock(${turns.admitting})`
  return (await Promise.all([isOurs, demandNow(tx, waitingPerPlan)]))[1]
}

/**
 * The queue of a plan's runs; `asked` says of some of them how many wait before each, `putBack` which of these a hook, or a step
 * that failed, has put back.
 */
export type Queue = PlanQueue & { asked: Record<string, number>; putBack: string[] }

/** Who uses the machine and who waits for it just now, plan by plan, in the order in which admission looks at them. */
export async function readQueues(sql: Queryable, runIds: readonly string[]): Promise<Queue[]> {
  return sql<Queue[]>`
    with live as (
      ${live(sql)}
    ), place as (
      select id, plan_id, ${isPutBack(sql)} as put_back, row_number() over (partition by plan_id order by created_at, id) - 1 as before
        from run
       where ${inQueue(sql)}
    ), waiting as (
      select plan_id,
             count(*)::integer as count,
             coalesce(
               jsonb_object_agg(id, before) filter (where id = any (${[...runIds]}::uuid[])),
               '{}'
             ) as asked,
             array_agg(id) filter (where put_back and id = any (${[...runIds]}::uuid[])) as put_back
        from place
       group by plan_id
    )
    select plan.id as "planId",
           plan.resources,
           coalesce(live.count, 0) as live,
           coalesce(waiting.count, 0) as waiting,
           coalesce(waiting.asked, '{}') as asked,
           coalesce(waiting.put_back, '{}') as "putBack"
      from live
      full join waiting using (plan_id)
      join plan on plan.id = plan_id and plan.name is null
     order by plan.id`
}

/** Claims runs that wait, those of them that still do. */
export async function claimWaiting(
  tx: Tx,
  runIds: readonly string[],
  step: string,
  leaseSeconds: number,
): Promise<Claimed<'waiting'>[]> {
  return tx<Claimed<'waiting'>[]>`
    update run
       set claim = gen_random_uuid(),
           claimed_by = ${step},
           claimed_at = now(),
           claimed_until = now() + ${leaseSeconds} * interval '1 second'
     where id = any (${[...runIds]}::uuid[])
       and status = 'waiting'
       and (claim is null or claimed_until < now())
    returning id, plan_id as "planId", status, attempt, claim, failures, hook_failures as "hookFailures",
              traceparent,
              ${isTakenOver(tx, 'run')} as "isTakenOver"`
}
