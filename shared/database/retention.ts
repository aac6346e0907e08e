import type { Sql } from './sql.ts'

/** For how many days what is kept. */
export type Retention = {
  keepEvents: number
  keepDeadEvents: number
  keepHookCalls: number
  keepHistory: number
  keepRequests: number
}

/**
 * Forgets what is older than it is kept, some of each, the oldest first; gives back how much. An attempt goes with the history
 * that tells of it, unless it is the last one of its run.
 */
export async function forgetOld(sql: Sql, keep: Retention, limit: number): Promise<number> {
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
    ), old_history as (
      delete from run_history
       where id in (select id from ${oldest('run_history')} where at < ${before(keep.keepHistory)})
      returning run_id, attempt
    ), old_attempt as (
      delete from attempt
       using old_history
        join run on run.id = old_history.run_id
       where attempt.run_id = old_history.run_id
         and attempt.number = old_history.attempt
         and attempt.number < run.attempt
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
    )
    select (
             (select count(*) from old_event) + (select count(*) from old_dead_letter)
             + (select count(*) from old_delivery) + (select count(*) from old_history)
             + (select count(*) from old_attempt) + (select count(*) from old_request)
           )::integer as count`
  return row?.count ?? 0
}
