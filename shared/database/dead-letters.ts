import type { KnitEvent } from '#shared/ports/event-bus.ts'
import type { RunStatus } from '#shared/domain/run-states.ts'
import type { EventStep } from '#shared/workflow/triggers.ts'
import type { By, WaitingEvent } from './outbox.ts'
import { storable, type Fragment, type Queryable, type Sql, type Tx } from './sql.ts'

/** Keeps an event that kept failing in one step, with its cause. One that has failed there before is the same letter again. */
export async function keepDeadLetter(
  sql: Queryable,
  step: string,
  event: KnitEvent,
  cause: string,
): Promise<void> {
  const kept = { ...event, time: event.time.toISOString() }
  await sql`
    insert into dead_letter (step, event, cause)
    values (${step}, ${sql.json(kept as never)}, ${storable(cause, 16_384)})
        on conflict (step, (event ->> 'name'), (event ->> 'subject')) do update
       set event = excluded.event,
           cause = excluded.cause,
           times = dead_letter.times + (dead_letter.event ->> 'id' <> excluded.event ->> 'id')::integer,
           last_at = now()`
}

/** An event that has been given up for a step: how often, and when first and last. */
export type DeadEvent = WaitingEvent & {
  step: string
  cause: string
  times: number
  since: Date
  at: Date
}

/** Events that no delivery helped, those first that were given up last. */
export async function listDeadEvents(sql: Queryable, limit: number): Promise<DeadEvent[]> {
  return sql<DeadEvent[]>`
    select id, event, step, cause, times, created_at as since, last_at as at
      from dead_letter
     order by last_at desc
     limit ${limit}`
}

/** Has dead events published again, and forgets that they were given up; gives back the ids that were found. */
export async function replayEvents(
  tx: Tx,
  ids: readonly string[],
  by: By,
): Promise<ReadonlySet<string>> {
  const rows = await tx<{ id: string }[]>`
    with replayed as (
      delete from dead_letter where id = any (${[...ids]}::uuid[]) returning id, event
    ), told as (
      insert into outbox (type, subject, data, traceparent)
      select event ->> 'name', event ->> 'subject', event -> 'data', ${by.traceparent ?? null}
        from replayed
    )
    select id from replayed`
  return new Set(rows.map(({ id }) => id))
}

/** Forgets that events were given up; gives back the ids that were found. */
export async function dropEvents(tx: Tx, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await tx<{ id: string }[]>`
    delete from dead_letter where id = any (${[...ids]}::uuid[]) returning id`
  return new Set(rows.map(({ id }) => id))
}

/**
 * Forgets dead events whose work has been done since, however that came: nothing is left of what was due for the step when it gave
 * them up last. Asked now and then, so that no step has to ask when it succeeds. Looks at some, those first that were given up
 * the longest ago: what is still due is told of, and given up, again.
 */
export async function forgetServed(
  sql: Sql,
  maxHookFailures: number,
  limit: number,
): Promise<void> {
  const left = Object.entries(dueSince(sql, maxHookFailures))
  const served = left.map(([step, work]) => sql`or step = ${step} and not exists (${work})`)
  await sql`
    delete from dead_letter
     where id = any (array(
       select id
         from (select * from dead_letter order by last_at limit ${limit}) as letter
        where false ${served}
     ))`
}

/** What was due for each step when it gave up a letter, and still is. */
function dueSince(sql: Sql, maxHookFailures: number): Record<EventStep, Fragment> {
  // A worker has the id of its run in its name.
  const id = sql`
    substring(letter.event ->> 'subject' from '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}')::uuid`
  const runs = (...statuses: RunStatus[]) => sql`
    select from run
     where run.id = ${id}
       and status = any (${statuses}::text[])
       and due_at <= last_at`
  return {
    // These serve whatever is due, whoever wakes them.
    'match-data': sql`
      select from (select created_at from match_task order by id limit 1) as oldest
       where oldest.created_at <= last_at`,
    'collect-garbage': sql`
      select from (select due_at from garbage order by due_at limit 1) as oldest
       where oldest.due_at <= last_at`,
    'call-hooks': sql`
      select from hook_delivery
       where delivered_at is null
         and failures < ${maxHookFailures}
         and due_at <= last_at`,
    'project-runs': sql`
      select from plan
        join nomination on plan_id = plan.id and due
       where plan.id = ${id}
         and would_create is null
         and nomination.created_at <= last_at`,
    // Of the runs of a plan. One that has ended has only made room: who waits for that is told of again, by their plan.
    'initialize-run': sql`
      select from run where plan_id = ${id} and status = 'waiting' and due_at <= last_at`,
    'start-run': runs('ready'),
    'observe-worker': runs('starting', 'running'),
    'finish-run': runs('completing', 'aborting'),
  }
}
