import type { Sql } from '#shared/database/sql.ts'
import { bystanders, longAgo, populate } from '../bench/population.ts'

/** So many data; four times as many runs. A million are for whoever asks for them: `tests/README.md`. */
export const rows = Number(process.env['KNIT_TEST_ROWS'] ?? 20_000)

/** Fills every table that grows, as years of work would: much that is over, little that goes on. Through one connection. */
export async function fillTables(sql: Sql): Promise<void> {
  await populate(sql, rows)
  await sql`select set_config('session_replication_role', 'replica', false)`
  await sql.unsafe(`${over};${goingOn};${waiting}`).simple()
  await sql`select set_config('session_replication_role', 'origin', false)`
  await sql.unsafe('vacuum (analyze)')
}

// Some of the first, which are uploads, and some of the last.
const goingOn = `
update run
   set status = (array['waiting', 'ready', 'starting', 'running', 'completing', 'aborting', 'failed', 'deactivated'])
                [1 + get_byte(uuid_send(id), 15) % 8]
 where id in ((select id from run order by id limit 20) union all (select id from run order by id desc limit 20));
update data
   set ready = false,
       ended_at = case when status = 'failed' then ended_at end
  from run
 where run.id = run_id
   and status <> 'done';
update nomination set due = true where knit_id in (select id from data order by id desc limit 100)`

const over = `
insert into run (id, plan_id, status, updated_at)
select bench.id(4, i), plan.id, 'done', ${longAgo}
  from (
    select id, row_number() over () as n from plan where image like '%bystander%'
  ) as plan
  join generate_series(1, ${rows}) as i on i % ${bystanders} = n - 1;
insert into attempt (run_id, number, worker, image)
select id, 1, 'worker-run-' || id || '-1', 'bench.test/one:1' from run where combination is not null;
insert into run_history (run_id, attempt, from_status, status, actor)
select id, 1, told.before, told.status, 'test'
  from run
 cross join (values (null::run_status, 'waiting'::run_status), ('completing', 'done')) as told (before, status);
insert into hook_delivery (run_id, attempt, status, url, body, delivered_at)
select id, 1, 'done', 'http://hook.test/', '{}', case when get_byte(uuid_send(id), 14) > 0 then now() end
  from run;
insert into request (caller, key, fingerprint) select 'test', id::text, '\\x00' from data;
insert into audit (at, actor, route, subjects, status, request_id, trace)
select updated_at, 'test' || get_byte(uuid_send(id), 15) % 8, 'runs.abort', array[id::text], 200, 'r', 't' from run;
insert into dead_letter (step, event, cause) select 'start-run', '{}', 'why' from data`

const waiting = `
insert into outbox (type, subject, data) select 'data.ready', run_id, jsonb_build_object('runId', run_id) from data;
insert into match_task (knit_id) select id from data;
insert into garbage (volume) select 'data-knitid-' || id from data;
insert into removed_volume (volume) select 'removed-' || id from data;
insert into agent (knit_id, mode, lease_until) select id, 'read', now() + interval '1 h' from data`
