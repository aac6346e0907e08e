import type { Sql } from './sql.ts'

/**
 * Takes back what processes hold for a while: claims of runs and of calls of hooks, events being published, uploads. Programs are
 * looked at again at once: those who were told of their end are gone as well. Only for one who knows that all those processes are
 * gone; others let the time pass. An import is held by its importer, wherever that is.
 */
export async function freeAll(sql: Sql): Promise<void> {
  await sql`
    with import as materialized (
      select id from plan where name = 'knit#imported'
    ), runs as (
      update run
         set claim = null,
             claimed_by = null,
             claimed_until = null,
             due_at = case when status in ('starting', 'running') then now() else due_at end
       where (claim is not null or status in ('starting', 'running'))
         and status in ('waiting', 'ready', 'starting', 'running', 'completing', 'aborting')
         and plan_id not in (select id from import)
    ), calls as (
      update hook_delivery
         set claim = null,
             claimed_until = null
       where claim is not null
    ), events as (
      update outbox set leased_until = null where leased_until is not null
    )
    update agent
       set lease_until = now()
      from data
     where data.id = agent.knit_id
       and data.plan_id not in (select id from import)
       and lease_until > now()`
}
