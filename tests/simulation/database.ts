import type { Sql } from '#shared/database/sql.ts'

/**
 * Makes time and ids of a database its simulator's: `now()` is what the simulator says, for a transaction as long as it lasts,
 * and ids come in an order that is the same again. It finds by itself which columns have defaults of the kind, and is kept from
 * cleaning up when it likes.
 */
const simulated = `
create schema sim;
create table sim.clock (at timestamptz not null);
insert into sim.clock values ('2026-01-01');
create sequence sim.id;

create function sim.now() returns timestamptz language plpgsql stable as $$
declare
  fixed text := current_setting('sim.now', true);
begin
  if coalesce(fixed, '') = '' then
    select at::text into fixed from sim.clock;
    perform set_config('sim.now', fixed, true);
  end if;
  return fixed::timestamptz;
end $$;
create function sim.gen_random_uuid() returns uuid language sql volatile as $$
  select md5(nextval('sim.id')::text)::uuid
$$;
create function sim.uuidv7() returns uuid language sql volatile as $$
  select (lpad(to_hex((extract(epoch from sim.now()) * 1000)::bigint), 12, '0') || '7000' || '8000'
          || lpad(to_hex(nextval('sim.id')), 12, '0'))::uuid
$$;

do $$
declare
  found record;
begin
  for found in
    select table_name, column_name, column_default
      from information_schema.columns
     where table_schema = 'public'
       and column_default ~ '(now|uuidv7|gen_random_uuid)\\(\\)'
  loop
    execute format('alter table %I alter column %I set default %s', found.table_name, found.column_name,
      regexp_replace(found.column_default, '(now|uuidv7|gen_random_uuid)\\(\\)', 'sim.\\1()'));
  end loop;
  for found in select tablename from pg_tables where schemaname = 'public' loop
    execute format('alter table %I set (autovacuum_enabled = false)', found.tablename);
  end loop;
end $$;

-- What the migrations put into tables, for the next schedule to begin with.
create table sim.first_plan as table plan;
create table sim.first_output as table output;

-- What was wrong in the moment in which it was committed, whatever became of it.
create table sim.mishap (what text);

/* Whatever a run reads fitted when the run was made: asked as the transaction that makes it commits, which must hold what it has seen. */
create function sim.note_unfit() returns trigger language plpgsql as $$
begin
  insert into sim.mishap
  select format('run %s was made with data %s, which did not fit', new.run_id, new.knit_id)
   where not exists (
     select from data join input on input.id = new.input_id
      where data.id = new.knit_id
        and ready
        and data.tags @> input.tags
        and (input.knit_id is null or input.knit_id = data.id)
        and (input.knit_timestamp is null or input.knit_timestamp = ended_at)
   );
  return null;
end $$;
create constraint trigger note_unfit after insert on assign
  deferrable initially deferred for each row execute function sim.note_unfit();

/* A run begins to wait, or to be held, as its plan is then. */
create function sim.note_held() returns trigger language plpgsql as $$
begin
  insert into sim.mishap
  select format('run %s was %s while its plan was %s', new.id, new.status, case when active then 'active' else 'inactive' end)
    from plan
   where plan.id = new.plan_id
     and new.status = case when active then 'deactivated' else 'waiting' end;
  return null;
end $$;
create constraint trigger note_held after insert or update of status on run
  deferrable initially deferred for each row execute function sim.note_held();

/* A step moves the runs that it holds. Who holds one is noted as it is moved, for the line in its history. */
create table sim.moving (run_id uuid, holder text);
create function sim.note_holder() returns trigger language plpgsql as $$
begin
  insert into sim.moving values (old.id, old.claimed_by);
  return new;
end $$;
create trigger note_holder before update of status on run for each row execute function sim.note_holder();
create function sim.note_mover() returns trigger language plpgsql as $$
begin
  insert into sim.mishap
  select format('run %s was moved to %s by %s, who did not hold it', new.run_id, new.status, new.actor)
    from sim.moving
   where run_id = new.run_id
     and holder is distinct from new.actor
     and new.actor in ('initialize-run', 'start-run', 'observe-worker', 'finish-run');
  delete from sim.moving where run_id = new.run_id;
  return null;
end $$;
create trigger note_mover after insert on run_history for each row execute function sim.note_mover();
`

/** Everything as it was before the first schedule, down to where rows lie. */
const begun = `
do $$
declare
  tables text;
begin
  select string_agg(format('%I', tablename), ', ') into tables
    from pg_tables
   where schemaname = 'public' and tablename <> 'migration';
  -- The audit would not let itself be emptied.
  perform set_config('session_replication_role', 'replica', true);
  execute 'truncate ' || tables || ', sim.mishap, sim.moving restart identity';
  perform set_config('session_replication_role', 'origin', true);
  insert into plan select * from sim.first_plan;
  insert into output overriding system value select * from sim.first_output;
  perform setval(pg_get_serial_sequence('output', 'id'), max(id)) from output;
  perform setval('sim.id', 1);
end $$`

export async function makeSimulated(sql: Sql): Promise<void> {
  await sql.unsafe(simulated).simple()
}

/** How sessions find time and ids; deadlocks are the simulator's business too. */
export const simulatedSession = {
  search_path: 'sim, pg_catalog, public',
  deadlock_timeout: '1h',
  // Whoever stands still does so by another clock.
  idle_in_transaction_session_timeout: 0,
  max_parallel_workers_per_gather: '0',
  // A plan that is kept is of the day it was made, which depends on what a connection was used for before.
  plan_cache_mode: 'force_custom_plan',
}

export async function beginAnew(sql: Sql, now: Date): Promise<void> {
  await sql.unsafe(begun)
  await setTime(sql, now)
}

/** Keeps every version of every row until the work is over, so that rows come to lie where they did before. */
export async function withoutCleaning<T>(sql: Sql, work: () => Promise<T>): Promise<T> {
  return sql.begin(async (tx) => {
    await tx`set transaction isolation level repeatable read`
    await tx`select 1 from sim.clock`
    return work()
  }) as Promise<T>
}

/** Where the rows of every table lie, in short: who looks at them in no order finds them in this one. */
export async function findPlaces(sql: Sql): Promise<string> {
  const tables = await sql<{ name: string }[]>`
    select format('%I', tablename) as name from pg_tables where schemaname = 'public' order by 1`
  const places = tables.map(({ name }) => `select '${name}' as name, ctid from public.${name}`)
  const [row] = await sql.unsafe<{ digest: string }[]>(`
    select md5(string_agg(name || ctid, ' ' order by name, ctid)) as digest
      from (${places.join(' union all ')}) as place`)
  return row?.digest ?? ''
}

export async function setTime(sql: Sql, now: Date): Promise<void> {
  await sql`update sim.clock set at = ${now}`
}
