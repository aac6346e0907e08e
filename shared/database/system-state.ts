import type { Queryable } from './sql.ts'

/** A number of the whole system, by the name of its metric and what it is a number of. */
export type Measured = { name: string; of: string | null; value: number }

/**
 * What is true of the whole system, by one question that is asked again and again: what goes on is counted, what has ended is
 * estimated, and of what can grow without end so many are counted.
 */
export async function readSystemState(
  sql: Queryable,
  steps: readonly string[],
  maxHookFailures: number,
  limit = 10_000,
): Promise<Measured[]> {
  // Without the statuses in words the index of runs that are not done is not known to hold them.
  return sql<Measured[]>`
    with measured (name, "of", value) as (
      select 'knit_runs', known.status, coalesce(live.count, 0)
        from (values ('deactivated'), ('waiting'), ('ready'), ('starting'), ('running'), ('completing'), ('aborting')) as known (status)
        left join (
          select status, count(*) as count
            from run
           where status in ('deactivated', 'waiting', 'ready', 'starting', 'running', 'completing', 'aborting')
           group by status
        ) as live using (status)
      union all
      select 'knit_runs_ended_estimate', common.status, common.share * greatest(reltuples, 0)
        from pg_class
        join pg_stats on schemaname = relnamespace::regnamespace::text and tablename = relname and attname = 'status'
       cross join unnest(most_common_vals::text::text[], most_common_freqs) as common (status, share)
       where pg_class.oid = 'run'::regclass
         and common.status in ('done', 'failed', 'invalidated')
      union all
      select 'knit_run_overdue_seconds', known.status, coalesce(extract(epoch from now() - due_at), 0)
        from (values ('ready'), ('starting'), ('completing'), ('aborting')) as known (status)
        left join lateral (
          select due_at
            from run
           where run.status = known.status
             and run.status in ('ready', 'starting', 'completing', 'aborting')
             and due_at <= now()
             and (claim is null or claimed_until < now())
           order by due_at
           limit 1
        ) as oldest on true
      union all
      select 'knit_plans_paused', null, count(*) from plan where would_create is not null
      union all
      select 'knit_queue_items', 'outbox', count(*)
        from (select from outbox order by id limit ${limit}) as counted
      union all
      select 'knit_queue_items', 'match', count(*)
        from (select from match_task order by id limit ${limit}) as counted
      union all
      select 'knit_queue_items', 'projection', count(*)
        from (
          select from nomination
            join plan on plan.id = plan_id and would_create is null
           where due
           limit ${limit}
        ) as counted
      union all
      select 'knit_queue_items', 'hooks', count(*)
        from (
          select from hook_delivery
           where delivered_at is null
             and failures < ${maxHookFailures}
           limit ${limit}
        ) as counted
      union all
      select 'knit_queue_items', 'garbage', count(*)
        from (select from garbage order by due_at limit ${limit}) as counted
      union all
      select 'knit_queue_oldest_seconds', queue, greatest(coalesce(extract(epoch from now() - since), 0), 0)
        from (
          values
            ('outbox', (select created_at from outbox order by id limit 1)),
            ('match', (select created_at from match_task order by id limit 1)),
            ('hooks', (
              select due_at
                from hook_delivery
               where delivered_at is null
                 and failures < ${maxHookFailures}
               order by due_at
               limit 1
            )),
            ('garbage', (select due_at from garbage order by due_at limit 1))
        ) as oldest (queue, since)
      union all
      select 'knit_dead_letters', known.step, (
               select count(*)
                 from (
                   -- In the order of the index, so that the planner goes along it.
                   select from dead_letter
                    where dead_letter.step = known.step
                    order by event ->> 'name'
                    limit ${limit}
                 ) as counted
             )
        from unnest(${[...steps]}::text[]) as known (step)
      union all
      select 'knit_hook_calls_given_up', null, count(*)
        from (
          select from hook_delivery
           where delivered_at is null
             and failures >= ${maxHookFailures}
           limit ${limit}
        ) as counted
      union all
      select 'knit_database_server_connections', null, sum(numbackends) from pg_stat_database
      union all
      select 'knit_database_server_connections_max', null, current_setting('max_connections')::numeric
    )
    select name, "of", value::float8 from measured`
}
