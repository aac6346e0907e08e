import type { By } from './outbox.ts'
import type { Fragment, Queryable, Tx } from './sql.ts'

/** A fact that must be matched: of a data, or of a plan with where it was left. */
export type MatchTask = {
  id: string
  planId: string | null
  knitId: string | null
  cursor: string | null
}

/**
 * Takes the oldest facts that nobody else is matching. Whoever takes them matches in a later statement, so that what had
 * been committed before is seen; what arrives meanwhile has a task of its own.
 */
export async function takeMatchTasks(tx: Tx, limit: number): Promise<MatchTask[]> {
  return tx<MatchTask[]>`
    select id, plan_id as "planId", knit_id as "knitId", cursor
      from match_task
     order by id
     limit ${limit}
       for update skip locked`
}

/** Nominates data for every input they fit, and tells each plan that has something new. */
export async function matchData(tx: Tx, knitIds: readonly string[], by: By): Promise<void> {
  if (knitIds.length === 0) return
  await tx`
    with fit as (
      ${inputsThatFit(tx, knitIds)}
    ), made as (
      insert into nomination (input_id, knit_id, plan_id)
      select input_id, knit_id, plan_id
        from fit
          on conflict do nothing
      returning plan_id
    )
    ${tellNominated(tx, tx`select distinct plan_id from made`, by)}`
}

/** Which inputs, of all plans, each of the data fits: looked up by the rarest tag of an input, or by what it asks for instead. */
export const inputsThatFit = (sql: Queryable, knitIds: readonly string[]): Fragment => sql`
  with fact as materialized (
    select id, tags, ended_at
      from data
     where id = any (${[...knitIds]}::uuid[])
       and ready
  )
  select input.id as input_id, fact.id as knit_id, input.plan_id
    from fact
    join input on input.rarest_tag = any (fact.tags) and input.tags <@ fact.tags
   where (input.knit_id is null or input.knit_id = fact.id)
     and (input.knit_timestamp is null or input.knit_timestamp = fact.ended_at)
   union all
  select input.id, fact.id, input.plan_id
    from fact
    join input on input.rarest_tag is null and input.knit_id = fact.id
   where input.knit_timestamp is null or input.knit_timestamp = fact.ended_at
   union all
  select input.id, fact.id, input.plan_id
    from fact
    join input
      on input.rarest_tag is null
     and input.knit_id is null
     and input.knit_timestamp = fact.ended_at`

/** An event for each of the plans. */
const tellNominated = (tx: Tx, plans: Fragment, by: By): Fragment => tx`
  insert into outbox (type, subject, data, traceparent)
  select 'data.nominated', plan_id, jsonb_build_object('planId', plan_id), ${by.traceparent ?? null}
    from (${plans}) as nominated`

/**
 * Nominates the next data, by id, for the inputs of a plan, and tells it. Gives back where to go on; undefined when nothing
 * is left.
 */
export async function matchPlan(
  tx: Tx,
  planId: string,
  after: string | null,
  limit: number,
  by: By,
): Promise<string | undefined> {
  const [result] = await tx<{ seen: number; next: string | null }[]>`
    with fit as materialized (
      select input.id as input_id, data.id as knit_id
        from input
        join data
          on data.ready
         and data.tags @> input.tags
         and (input.knit_id is null or data.id = input.knit_id)
         and (input.knit_timestamp is null or data.ended_at = input.knit_timestamp)
       where input.plan_id = ${planId}
         and (${after}::uuid is null or data.id > ${after}::uuid)
       order by data.id, input.id
       limit ${limit}
    ), page as (
      -- A data is matched with all its inputs or left for the next page.
      select input_id, knit_id
        from fit
       where (select count(*) from fit) < ${limit}
          or knit_id < (select max(knit_id::text)::uuid from fit)
    ), made as (
      insert into nomination (input_id, knit_id, plan_id)
      select input_id, knit_id, ${planId}::uuid
        from page
          on conflict do nothing
      returning plan_id
    ), told as (
      ${tellNominated(tx, tx`select distinct plan_id from made`, by)}
    )
    select (select count(*) from fit)::integer as seen,
           (select max(knit_id::text)::uuid from page) as next`
  return result?.seen === limit ? (result.next ?? undefined) : undefined
}

/** Forgets the facts that have been matched. */
export async function dropMatchTasks(tx: Tx, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  await tx`delete from match_task where id = any (${[...ids]}::bigint[])`
}

export async function leaveMatchTask(tx: Tx, id: string, cursor: string): Promise<void> {
  await tx`update match_task set cursor = ${cursor} where id = ${id}`
}
