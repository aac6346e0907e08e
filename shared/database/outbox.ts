import { type EventData, type EventName } from '#shared/contracts/events.ts'
import type { KnitEvent } from '#shared/ports/event-bus.ts'
import { begin, storable, type Queryable, type Sql, type Tx } from './sql.ts'

/** On whose behalf something is changed: the step or the caller, and the trace it belongs to. */
export type By = { actor: string; traceparent?: string | undefined }

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

/**
 * Takes the oldest events out and publishes them, until none is left; gives back how many. They are gone only when the
 * bus has taken them: a crash in between publishes them again.
 */
export async function drainOutbox(
  sql: Sql,
  publish: (events: KnitEvent[]) => Promise<void>,
  batch = 100,
): Promise<number> {
  let total = 0
  for (;;) {
    const count = await begin(sql, async (tx) => {
      const taken = await takeOutbox(tx, batch)
      if (taken.length > 0) await publish(taken)
      return taken.length
    })
    total += count
    if (count < batch) return total
  }
}

async function takeOutbox(tx: Tx, batch: number): Promise<KnitEvent[]> {
  // Losing this commit publishes an event twice, which is allowed, so it need not wait for the disk.
  const rows = await tx<OutboxRow[]>`
    with relaxed as materialized (select set_config('synchronous_commit', 'off', true)),
    taken as (
      delete from outbox
       where id in (
         select id from outbox, relaxed order by id limit ${batch} for update of outbox skip locked
       )
      returning *
    )
    select * from taken order by id`
  return rows.map((row) => ({
    id: row.id,
    name: row.type,
    subject: row.subject,
    data: row.data,
    time: row.created_at,
    ...(row.traceparent && { traceparent: row.traceparent }),
  }))
}

/** Keeps an event that kept failing in one step, with its cause, for an operator. */
export async function keepDeadLetter(
  sql: Queryable,
  step: string,
  event: KnitEvent,
  cause: string,
): Promise<void> {
  const kept = { ...event, time: event.time.toISOString() }
  await sql`
    insert into dead_letter (step, event, cause)
    values (${step}, ${sql.json(kept as never)}, ${storable(cause, 16_384)})`
}
