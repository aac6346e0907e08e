import type { RunDetail } from '#shared/domain/run.ts'
import type { RunStatus } from '#shared/domain/run-states.ts'
import type { By } from './outbox.ts'
import { isTakenOver } from './runs.ts'
import { relax, storable, type Fragment, type Queryable, type Sql, type Tx } from './sql.ts'

/** Records calls of after-hooks, in the transaction of the move they tell of. */
export async function addDeliveries(
  tx: Tx,
  run: { id: string; attempt: number; status: RunStatus },
  detail: RunDetail,
  urls: readonly string[],
  by: By,
): Promise<void> {
  await tx`
    with added as (
      insert into hook_delivery (run_id, attempt, status, url, body)
      select ${run.id}, ${run.attempt}, ${run.status}, url, ${tx.json(detail)}
        from unnest(${[...urls]}::text[]) as url
    )
    insert into outbox (type, subject, data, traceparent)
    values ('hook.recorded', ${run.id}, '{}', ${by.traceparent ?? null})`
}

/** A call of an after-hook that is to be made, by whoever claimed it. */
export type Delivery = {
  id: string
  runId: string
  status: RunStatus
  url: string
  body: RunDetail
  claim: string
  failures: number
  /** Whoever held it before was silent for longer than the lease. */
  isTakenOver: boolean
}

/**
 * Of a `delivery`: another one before it, of the same run to the same hook, is still to be made. Hooks learn what happens to a run in
 * its order.
 */
export const isHeldBack = (sql: Queryable, maxFailures: number): Fragment => sql`
  exists (
    select from hook_delivery as earlier
     where earlier.run_id = delivery.run_id
       and earlier.url = delivery.url
       and earlier.recorded < delivery.recorded
       and earlier.delivered_at is null
       and earlier.failures < ${maxFailures}
  )`

/** The hooks for which there are calls that they did not take, due or not. */
export async function findHooks(sql: Sql): Promise<string[]> {
  const rows = await sql<{ url: string }[]>`
    with recursive hook (url) as (
      select min(url) from hook_delivery where delivered_at is null
      union all
      select (select min(url) from hook_delivery where delivered_at is null and url > hook.url)
        from hook
       where url is not null
    )
    select url from hook where url is not null`
  return rows.map(({ url }) => url)
}

/** Claims deliveries to a hook that are due, the oldest first; of one run only the oldest that is still to be made. */
export async function claimDeliveries(
  sql: Sql,
  url: string,
  limit: number,
  maxFailures: number,
  leaseSeconds: number,
): Promise<Delivery[]> {
  return sql<Delivery[]>`
    with relaxed as materialized (${relax(sql)}), next as materialized (
      select id
        from hook_delivery as delivery, relaxed
       where url = ${url}
         and delivered_at is null
         and failures < ${maxFailures}
         and (failures = 0 or due_at <= now())
         and (claim is null or claimed_until < now())
         and not ${isHeldBack(sql, maxFailures)}
       order by due_at
       limit ${limit}
         for update of delivery skip locked
    )
    update hook_delivery
       set claim = gen_random_uuid(),
           claimed_until = now() + ${leaseSeconds} * interval '1 second'
     where id in (select id from next)
    returning id, run_id as "runId", status, url, body, claim, failures,
              ${isTakenOver(sql, 'hook_delivery')} as "isTakenOver"`
}

/** Records that a hook took a call. */
export async function settleDelivery(sql: Sql, { id, claim }: Delivery): Promise<void> {
  await sql`
    update hook_delivery
       set delivered_at = now(),
           claim = null,
           claimed_until = null,
           last_error = null
     where id = ${id}
       and claim = ${claim}`
}

/** Puts off a call that failed, for a time that doubles, up to ten minutes. */
export async function postponeDelivery(
  sql: Sql,
  { id, claim }: Delivery,
  reason: string,
): Promise<void> {
  await sql`
    update hook_delivery
       set failures = failures + 1,
           due_at = now() + least(power(2, failures), 600) * interval '1 second',
           claim = null,
           claimed_until = null,
           last_error = ${storable(reason)}
     where id = ${id}
       and claim = ${claim}`
}

/** A call of an after-hook, as admins see it. */
export type DeliveryRow = Omit<Delivery, 'body' | 'claim' | 'isTakenOver'> & {
  attempt: number
  lastError: string | null
  createdAt: Date
  deliveredAt: Date | null
  dueAt: Date
}

/** Calls of after-hooks, the newest first; only those that were not taken yet when `open` says so. */
export async function listDeliveries(
  sql: Queryable,
  { open, limit }: { open: boolean; limit: number },
): Promise<DeliveryRow[]> {
  return sql<DeliveryRow[]>`
    select id, run_id as "runId", attempt, status, url, failures, last_error as "lastError",
           created_at as "createdAt", delivered_at as "deliveredAt", due_at as "dueAt"
      from hook_delivery
     where ${open ? sql`delivered_at is null` : sql`true`}
     order by id desc
     limit ${limit}`
}
