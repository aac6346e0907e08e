import { type EventData, type EventName } from '#shared/contracts/events.ts'
import type { KnitEvent } from '#shared/ports/event-bus.ts'
import { relax, type Fragment, type Queryable, type Sql, type Tx } from './sql.ts'

/** On whose behalf something is changed: the step or the caller, and the trace it belongs to. */
export type By = {
  actor: string
  traceparent?: string | undefined
  /** The trace is recorded somewhere: what is made on the way may remember it. */
  isTraced?: true
}

/** What a run that is made on somebody's behalf remembers of the trace. */
export const rememberedTrace = ({ traceparent, isTraced }: By): string | null =>
  (isTraced && traceparent) || null

/** Records an event in the transaction that it reports. */
export async function tell<E extends EventName>(
  tx: Tx,
  name: E,
  subject: string,
  data: EventData<E>,
  by: By,
): Promise<void> {
  await tx`
    insert into outbox (type, subject, data, traceparent)
    values (${name}, ${subject}, ${tx.json(data)}, ${by.traceparent ?? null})`
}

type OutboxRow = {
  id: string
  type: EventName
  subject: string
  data: Record<string, unknown>
  traceparent: string | null
  created_at: Date
}

// Longer than publishing a batch takes. After a crash in between, the sweep finds its events when this has passed.
const leaseSeconds = 30

export type DrainOptions = {
  batch?: number
  /**
   * Looks for what was recorded within so many last seconds alone. Where an old transaction keeps the server from forgetting rows,
   * a look passes by all events there have been in its time.
   */
  seconds?: number
}

/**
 * Publishes the oldest events and forgets them, batch by batch, until none is left; gives back how many. No transaction is
 * open meanwhile: events are leased, and what the bus did not take is there for the next drain.
 */
export async function drainOutbox(
  sql: Sql,
  publish: (events: KnitEvent[]) => Promise<void>,
  { batch = 100, seconds }: DrainOptions = {},
): Promise<number> {
  for (let total = 0; ;) {
    const events = await leaseEvents(sql, batch, seconds)
    const ids = events.map(({ id }) => id)
    if (events.length > 0) {
      try {
        await publish(events)
      } catch (error) {
        await returnEvents(sql, ids)
        throw error
      }
      await forgetEvents(sql, ids)
    }
    total += events.length
    if (events.length < batch) return total
  }
}

// These need not wait for the disk: losing their commit publishes an event twice, which is allowed.

async function leaseEvents(
  sql: Sql,
  batch: number,
  seconds: number | undefined,
): Promise<KnitEvent[]> {
  const rows = await sql<OutboxRow[]>`
    with relaxed as materialized (${relax(sql)}), next as materialized (
      select id
        from outbox, relaxed
       where (leased_until is null or leased_until < now())
             ${seconds === undefined ? sql`` : sql`and id >= ${firstIdOf(sql, seconds)}`}
       order by id
       limit ${batch}
         for update of outbox skip locked
    ), leased as (
      update outbox
         set leased_until = now() + ${leaseSeconds} * interval '1 second'
       -- An array, so that the planner looks each one up: it may take the whole table for one row.
       where id = any (array(select id from next))
      returning *
    )
    select * from leased order by id`
  return rows.map((row) => ({
    id: row.id,
    name: row.type,
    subject: row.subject,
    data: row.data,
    time: row.created_at,
    ...(row.traceparent && { traceparent: row.traceparent }),
  }))
}

/** No id of so many last seconds is smaller, and the index leads there: the first 48 bits are the milliseconds since 1970. */
const firstIdOf = (sql: Sql, seconds: number): Fragment => sql`
  rpad(lpad(to_hex((extract(epoch from now() - ${seconds} * interval '1 s') * 1000)::bigint), 12, '0'), 32, '0')::uuid`

async function returnEvents(sql: Sql, ids: readonly string[]): Promise<void> {
  await sql`update outbox set leased_until = null where id = any (${[...ids]}::uuid[])`
}

async function forgetEvents(sql: Sql, ids: readonly string[]): Promise<void> {
  await sql`
    with relaxed as materialized (${relax(sql)})
    delete from outbox using relaxed where id = any (${[...ids]}::uuid[])`
}

/** An event that waits to be published. */
export type WaitingEvent = {
  id: string
  event: { name: string; subject: string; data: Record<string, unknown>; time: string }
}

/** Events that wait to be published, the newest first. */
export async function listWaitingEvents(sql: Queryable, limit: number): Promise<WaitingEvent[]> {
  return sql<WaitingEvent[]>`
    select id, jsonb_build_object('name', type, 'subject', subject, 'data', data, 'time', created_at) as event
      from outbox
     order by id desc
     limit ${limit}`
}
