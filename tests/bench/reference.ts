import { begin, type Sql, type Tx } from '#shared/database/sql.ts'

/** What a step of a pipeline takes by the reference's timers, in seconds, if everything else took no time. */
export const secondsByTimers = 65 / 3

/**
 * The algorithm of the reference implementation, restated: tags in a table of pairs, matching by counting shared tags under
 * a lock of the whole nomination table, projection of one nomination at a time with a look for every combination among all
 * assignments ever made. What it keeps in tables that play no part here is left out, in its favour.
 */
export async function addReference(sql: Sql): Promise<void> {
  await sql.unsafe(tables).simple()
  await sql.unsafe(rows).simple()
  await sql.unsafe(indexes).simple()
}

const tables = `
create schema reference;
create table reference.tag_data (tag_id integer, knit_id uuid);
create table reference.tag_input (tag_id integer, input_id integer, primary key (tag_id, input_id));
create table reference.plan (plan_id uuid primary key, image text, active boolean default true);
create table reference.input (input_id integer primary key, plan_id uuid);
create table reference.run (run_id uuid, plan_id uuid, status text);
create table reference.data (knit_id uuid, run_id uuid);
create table reference.assign (run_id uuid, input_id integer, plan_id uuid, knit_id uuid);
create table reference.nomination (knit_id uuid, input_id integer, updated boolean default true);
create table reference.worker (run_id uuid primary key, name text);`

// The same plans, data and runs as ours.
const rows = `
insert into reference.tag_data select tag, id from data, unnest(tags) as tag;
insert into reference.tag_input select tag, id from input, unnest(tags) as tag;
insert into reference.plan select id, image from plan where name is null;
insert into reference.input select id, plan_id from input;
insert into reference.run select id, plan_id, status from run;
insert into reference.data select id, run_id from data;
insert into reference.assign select run_id, input_id, plan_id, knit_id from assign;
insert into reference.nomination select knit_id, input_id, due from nomination;`

// Exactly the indexes it has: none on the plan, the input or the data of an assignment.
const indexes = `
alter table reference.tag_data add primary key (tag_id, knit_id);
create index on reference.tag_data (knit_id) include (tag_id);
create index on reference.tag_input (input_id);
alter table reference.run add primary key (run_id);
create index on reference.run (plan_id);
create index on reference.run (status);
alter table reference.data add primary key (knit_id);
create index on reference.data (run_id);
alter table reference.assign add primary key (run_id, input_id);
alter table reference.nomination add primary key (knit_id, input_id);
create index on reference.nomination (updated);`

/** A data of a run that is about to be done. */
export async function addData(
  sql: Sql,
  tags: readonly { key: string; value: string }[],
): Promise<string> {
  const [made] = await sql<{ knitId: string }[]>`
    with begun as (
      insert into reference.run select uuidv7(), null, 'completing' returning run_id
    )
    insert into reference.data select uuidv7(), run_id from begun returning knit_id as "knitId"`
  const knitId = made?.knitId ?? ''
  await sql`
    insert into reference.tag_data
    select tag.id, ${knitId}
      from tag
      join unnest(${tags.map(({ key }) => key)}::text[], ${tags.map(({ value }) => value)}::text[]) as given (key, value)
        on tag.key = given.key and tag.value = given.value`
  return knitId
}

/** The run of a data is done: the data is matched against all inputs, then all that is new is projected. */
export async function finish(sql: Sql, knitId: string): Promise<number> {
  await begin(sql, async (tx) => {
    await tx`
      update reference.run set status = 'done'
       where run_id = (select run_id from reference.data where knit_id = ${knitId})`
    await tx`lock table reference.nomination in exclusive mode`
    await tx`
      with asked as (
        select input_id, count(*) as tags from reference.tag_input group by input_id
      ), shared as (
        select input_id, knit_id, count(*) as tags
          from reference.tag_data
          join reference.tag_input using (tag_id)
         where knit_id = ${knitId}
         group by input_id, knit_id
      )
      insert into reference.nomination (knit_id, input_id)
      select knit_id, input_id
        from shared
        join asked using (input_id, tags)
          on conflict do nothing`
  })
  let created = 0
  for (;;) {
    const step = await begin(sql, projectOne)
    if (step === undefined) return created
    created += step
  }
}

/** One step of the projection loop: one nomination of one plan. How many runs it made; undefined when nothing is new. */
async function projectOne(tx: Tx): Promise<number | undefined> {
  const [plan] = await tx<{ planId: string; active: boolean }[]>`
    select plan_id as "planId", active
      from reference.plan
     where image is not null
       and plan_id in (
         select plan_id from reference.nomination join reference.input using (input_id) where updated
       )
     limit 1
       for update skip locked`
  if (!plan) return undefined
  await tx`
    select count(*)
      from (
        select
          from reference.data
         where knit_id in (
           select knit_id
             from reference.nomination
             join reference.input using (input_id)
            where plan_id = ${plan.planId}
         )
           for share
      ) as held`
  const [trigger] = await tx<{ inputId: number; knitId: string }[]>`
    select input_id as "inputId", knit_id as "knitId"
      from reference.nomination
      join reference.input using (input_id)
     where plan_id = ${plan.planId}
       and updated
     limit 1`
  if (!trigger) return 0
  const others = await tx<{ inputId: number; knitIds: string[] }[]>`
    select input_id as "inputId",
           array(
             select knit_id from reference.nomination where nomination.input_id = input.input_id and not updated
           ) as "knitIds"
      from reference.input
     where plan_id = ${plan.planId}
       and input_id <> ${trigger.inputId}`
  let combinations = [[trigger]]
  for (const { inputId, knitIds } of others)
    combinations = combinations.flatMap((head) =>
      knitIds.map((knitId) => [...head, { inputId, knitId }]),
    )
  let created = 0
  for (const combination of combinations) if (await createRun(tx, plan, combination)) created += 1
  await tx`
    update reference.nomination set updated = false
     where knit_id = ${trigger.knitId} and input_id = ${trigger.inputId}`
  return created
}

async function createRun(
  tx: Tx,
  plan: { planId: string; active: boolean },
  combination: readonly { inputId: number; knitId: string }[],
): Promise<boolean> {
  const [found] = await tx`
    select run_id
      from reference.assign
     where plan_id = ${plan.planId}
       and (input_id, knit_id) in (
         select *
           from unnest(
                  ${combination.map(({ inputId }) => inputId)}::integer[],
                  ${combination.map(({ knitId }) => knitId)}::uuid[]
                )
       )
     group by run_id
    having count(*) = ${combination.length}`
  if (found) return false
  const [run] = await tx<{ runId: string }[]>`
    insert into reference.run values (uuidv7(), ${plan.planId}, ${plan.active ? 'waiting' : 'deactivated'})
    returning run_id as "runId"`
  const runId = run?.runId ?? ''
  for (const { inputId, knitId } of combination)
    await tx`insert into reference.assign values (${runId}, ${inputId}, ${plan.planId}, ${knitId})`
  await tx`
    select from reference.input
     where plan_id = ${plan.planId}
       and input_id not in (select input_id from reference.assign where run_id = ${runId})`
  await tx`insert into reference.worker values (${runId}, ${`worker-run-${runId}`})`
  return true
}
