import { endedStatuses } from '#shared/domain/run-states.ts'
import type { Sql } from './sql.ts'

/** For how many days what is kept. */
export type Retention = {
  keepEvents: number
  keepDeadEvents: number
  keepHookCalls: number
  keepHistory: number
  keepRequests: number
  keepAudit: number
}

/** For how many days it is known that a volume has been deleted: nobody is later than that. */
const keepRemoved = 1

/** Forgets what is older than it is kept, some of each, the oldest first; gives back how much. */
export async function forgetOld(
  sql: Sql,
  keep: Omit<Retention, 'keepHistory'>,
  limit: number,
): Promise<number> {
  const before = (days: number) => sql`now() - ${days} * interval '1 day'`
  // Rows are numbered as they come, so the oldest are found without looking at the others.
  const oldest = (table: string) =>
    sql`(select * from ${sql(table)} order by id limit ${limit}) as ${sql(table)}`
  const [row] = await sql<{ count: number }[]>`
    with old_event as (
      delete from outbox
       where id in (select id from ${oldest('outbox')} where created_at < ${before(keep.keepEvents)})
      returning 1
    ), old_dead_letter as (
      delete from dead_letter
       where id in (
         select id
           from dead_letter
          where last_at < ${before(keep.keepDeadEvents)}
          order by last_at
          limit ${limit}
       )
      returning 1
    ), old_delivery as (
      delete from hook_delivery
       where id in (
         select id from ${oldest('hook_delivery')} where created_at < ${before(keep.keepHookCalls)}
       )
      returning 1
    ), old_request as (
      delete from request
       where (caller, key) in (
         select caller, key
           from request
          where created_at < ${before(keep.keepRequests)}
          order by created_at
          limit ${limit}
       )
      returning 1
    ), old_removed as (
      delete from removed_volume
       where volume in (
         select volume
           from removed_volume
          where removed_at < ${before(keepRemoved)}
          order by removed_at
          limit ${limit}
       )
      returning 1
    ), old_audit as (
      delete from audit
       -- An array, so that the planner looks each one up.
       where id = any (array(
         select id from audit where at < ${before(keep.keepAudit)} order by at, id limit ${limit}
       ))
      returning 1
    )
    select (
             (select count(*) from old_event) + (select count(*) from old_dead_letter)
             + (select count(*) from old_delivery) + (select count(*) from old_request)
             + (select count(*) from old_removed) + (select count(*) from old_audit)
           )::integer as count`
  return row?.count ?? 0
}

/**
 * Forgets the history of runs that have ended, as far as it is older than it is kept, so much at a time. An attempt goes with the
 * last of the history that tells of it, unless it is the last one of its run.
 */
export async function forgetHistory(sql: Sql, days: number, limit: number): Promise<void> {
  // What runs that live have kept is passed by.
  for (let last: string | undefined = '0'; last !== undefined;)
    last = await forgetNextHistory(sql, days, limit, last)
}

/** Looks at the next so much history; gives back where that ended, undefined when nothing behind it is old. */
async function forgetNextHistory(
  sql: Sql,
  days: number,
  limit: number,
  after: string,
): Promise<string | undefined> {
  const [page] = await sql<{ last: string }[]>`
    with next as materialized (
      select id, run_id, at < now() - ${days} * interval '1 day' as is_old
        from run_history
       where id > ${after}
       order by id
       limit ${limit}
    ), old_history as (
      delete from run_history
       where id = any (array(
         select id
           from next
          where is_old
            and coalesce((select status from run where run.id = run_id) = any (${[...endedStatuses]}::text[]), true)
       ))
      returning id, run_id, attempt
    ), old_attempt as (
      delete from attempt
       using (select distinct run_id, attempt as number from old_history) as told
        join run on run.id = told.run_id
       where (attempt.run_id, attempt.number) = (told.run_id, told.number)
         and attempt.number < run.attempt
         and not exists (
           select from run_history as kept
            where (kept.run_id, kept.attempt) = (told.run_id, told.number)
              and kept.id <> all (array(select id from old_history))
         )
    )
    select max(id) as last
      from next
    having bool_and(is_old)
       and count(*) = ${limit}`
  return page?.last
}
