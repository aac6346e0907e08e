import { allVolumesOf } from '#shared/ports/cluster.ts'
import type { World } from '#shared/runtime/context.ts'

/**
 * Everything that has come of what was done, without ids and times, as sorted lines: two worlds where the same happened are
 * described alike.
 */
export async function describeState({ sql, cluster }: World): Promise<string[]> {
  const runs = await sql<{ line: string }[]>`
    with named as (
      select id, coalesce(name, 'plan ' || count(image) over (order by id)) as name
        from plan
    ), described as (
      select data.id,
             data.run_id,
             concat_ws(' ', coalesce(path, 'log'),
               array(select key || ':' || value from tag where tag.id = any (data.tags) order by 1)::text,
               case when ready then 'ready' end, digest) as text
        from data
        join output on output.id = output_id
    )
    select concat_ws(', ', 'run of ' || named.name, status || ' at attempt ' || run.attempt,
             (select 'exit ' || exit_code || ' by ' || coalesce(cause, 'itself')
                from attempt where run_id = run.id and number = run.attempt and exit_code is not null),
             'was ' || (select string_agg(told.status, ' ' order by told.id)
                          from run_history as told where run_id = run.id),
             'reads ' || (select string_agg(text, ' + ' order by input_id)
                            from assign join described on described.id = knit_id
                           where assign.run_id = run.id),
             'made ' || (select string_agg(text, ' + ' order by text)
                           from described where described.run_id = run.id)) as line
      from run
      join named on named.id = run.plan_id
     union all
    select concat_ws(' ', named.name, case when active then 'active' else 'inactive' end, annotations::text)
      from plan
      join named using (id)`
  const counts = await sql<{ line: string }[]>`
    select count(*) || ' of ' || kind as line
      from (
        select 'event' as kind from outbox
         union all select 'fact' from match_task
         union all select case when due then 'due ' else '' end || 'nomination' from nomination
         union all select 'garbage' from garbage
         union all select 'agent' from agent
         union all select 'request' from request
         union all select 'dead letter' from dead_letter
         union all select concat_ws(' ', 'record of', route, status, 'by', actor) from audit
         union all select concat_ws(' ', 'token', name, role, case when revoked_at is null then 'valid' end) from token
         union all
        select concat_ws(' ', 'call to', substring(url from '[^/]*$'), status, case when delivered_at is null then 'due' end)
          from hook_delivery
      ) as left_behind
     group by kind`
  const lines = [...runs, ...counts].map(({ line }) => line)
  const [volumes, workers] = await Promise.all([allVolumesOf(cluster), cluster.listWorkers()])
  const kept = [`${volumes.length} volumes`, `${workers.length} workers`]
  return [...lines, ...kept].toSorted()
}
