import { newCombinations, type Candidates, type Nominated } from '#shared/domain/combinations.ts'
import { rememberedTrace, tell, type By } from './outbox.ts'
import type { Fragment, Tx } from './sql.ts'

/** What projection has to know of a plan. */
export type HeldPlan = {
  active: boolean
  /** Nothing is projected before a user allows it. */
  paused: boolean
  /** How many runs a user has allowed for what is nominated now. */
  allowed: number | null
  /** Ids, in order. */
  inputs: number[]
}

/** Whether others may project the same plan meanwhile. Who is to change it has to be alone from the beginning. */
export type Hold = 'together' | 'alone'

/** A plan, held as it is until the transaction ends; undefined when there is no such plan. */
export async function holdPlan(
  tx: Tx,
  planId: string,
  hold: Hold = 'together',
): Promise<HeldPlan | undefined> {
  const [plan] = await tx<HeldPlan[]>`
    select active,
           would_create is not null as paused,
           allowed,
           array(select id from input where plan_id = plan.id order by id) as inputs
      from plan
     where id = ${planId}
       ${hold === 'alone' ? tx`for no key update` : tx`for share`}`
  return plan
}

/** A data for an input. */
export type Pair = { inputId: number; knitId: string }

/** A data that may fill an input, whose combinations are still to be made: those behind the cursor, if there is one. */
export type Trigger = Pair & { cursor: string[] | null }

/** The next due nominations, input by input, that nobody else is projecting. */
export async function takeTriggers(tx: Tx, planId: string, limit: number): Promise<Trigger[]> {
  return tx<Trigger[]>`
    select input_id as "inputId", knit_id as "knitId", cursor
      from nomination
     where plan_id = ${planId}
       and due
     order by input_id, knit_id
     limit ${limit}
       for update skip locked`
}

/**
 * How many runs the due nominations of a plan can still make, with each other and with all that is nominated: at most so many,
 * as some may be there already. While the plan itself is being matched, page by page, those that were made of earlier pages count
 * too: its registration is one event. With `most`, a number above it means at least so many: what is more is not counted.
 */
export async function countNew(
  tx: Tx,
  { planId, inputs }: { planId: string; inputs: readonly number[] },
  most?: number,
): Promise<number> {
  const counted = most === undefined ? null : Math.min(most, 1e9) + 1
  const counts = await tx<Nominated[]>`
    select one.all,
           case
             when exists (select from match_task where plan_id = ${planId}) then one.all
             else (
               select count(*)
                 from (
                   select
                     from nomination
                    where plan_id = ${planId}
                      and input_id = asked
                      and due
                    order by knit_id
                    limit ${counted}
                 ) as due
             )
           end::integer as due
      from unnest(${[...inputs]}::integer[]) as asked
     cross join lateral (
       select count(*)::integer as all
         from (
           select from nomination where input_id = asked order by knit_id limit ${counted}
         ) as every
     ) as one`
  return newCombinations(counts)
}

/** Keeps a plan from being projected until a user allows it. */
export async function pausePlan(tx: Tx, planId: string, wouldCreate: number): Promise<void> {
  await tx`update plan set would_create = ${wouldCreate}, allowed = null where id = ${planId}`
}

/**
 * Lets a paused plan go on if it makes no more runs of what is nominated now; otherwise it says how many they are by now. A plan
 * that is not paused needs no leave, and gets none for what comes later.
 */
export async function allowRuns(tx: Tx, planId: string, allow: number, by: By): Promise<void> {
  const plan = await holdPlan(tx, planId, 'alone')
  if (!plan?.paused) return
  const count = await countNew(tx, { planId, inputs: plan.inputs })
  if (count > allow) return pausePlan(tx, planId, count)
  await tx`update plan set would_create = null, allowed = ${allow} where id = ${planId}`
  await tell(tx, 'data.nominated', planId, { planId }, by)
}

/** What a user allowed is for what was nominated then: it ends when all of that is matched and projected. */
export async function endAllowance(tx: Tx, planId: string): Promise<void> {
  await tx`
    update plan
       set allowed = null
     where id = ${planId}
       and allowed is not null
       and not exists (select from nomination where plan_id = ${planId} and due)
       and not exists (select from match_task where plan_id = ${planId})`
}

/** A plan has been matched to its end: if it is paused, what it would create can be counted now; what was allowed may be over. */
export async function settleCount(tx: Tx, planId: string): Promise<void> {
  const plan = await holdPlan(tx, planId, 'alone')
  if (!plan) return
  const { inputs } = plan
  if (plan.paused) await pausePlan(tx, planId, await countNew(tx, { planId, inputs }))
  else await endAllowance(tx, planId)
}

/** A data for each input, in the order of the input ids that were asked for. */
export type Combination = string[]

/** What is nominated for inputs, in their order: the first ones, and the first ones behind the cursor of a product. */
export async function listCandidates(
  tx: Tx,
  inputs: readonly number[],
  cursor: readonly string[] | null,
  limit: number,
): Promise<Candidates[]> {
  if (inputs.length === 0) return []
  return tx<Candidates[]>`
    select array(
             select knit_id from nomination where input_id = asked.input_id order by knit_id limit ${limit}
           ) as head,
           array(
             select knit_id
               from nomination
              where input_id = asked.input_id
                and knit_id > asked.cursor
              order by knit_id
              limit ${limit}
           ) as behind
      from unnest(${[...inputs]}::integer[], ${[...(cursor ?? [])]}::uuid[])
           with ordinality as asked (input_id, cursor, position)
     where asked.input_id is not null
     order by position`
}

/** Holds data as they are until the transaction ends, in id order. */
export async function holdData(tx: Tx, knitIds: readonly string[]): Promise<void> {
  await tx`
    select from data where id = any (${[...knitIds]}::uuid[]) order by id for share`
}

/** Which of these pairs still fit: asked in a statement after `holdData`, so that the answer stays true. */
export async function recheck(tx: Tx, pairs: readonly Pair[]): Promise<Pair[]> {
  // Materialized: the planner would find the few data that are asked for by their tags, among all that carry those.
  return tx<Pair[]>`
    with asked as materialized (
      select input.id as input_id,
             input.tags as wanted,
             input.knit_id as wanted_id,
             input.knit_timestamp as wanted_time,
             data.*
        from unnest(
               ${pairs.map(({ inputId }) => inputId)}::integer[],
               ${pairs.map(({ knitId }) => knitId)}::uuid[]
             ) as pair (input_id, knit_id)
        join input on input.id = pair.input_id
        join data on data.id = pair.knit_id
       where data.ready
    )
    select input_id as "inputId", id as "knitId"
      from asked
     where tags @> wanted
       and (wanted_id is null or wanted_id = id)
       and (wanted_time is null or wanted_time = ended_at)`
}

/**
 * Creates a run for each combination that has none yet, with its assignments, output data, history and one event for all;
 * gives back how many. `inputs` says which input each position of a combination is for.
 */
export async function createRuns(
  tx: Tx,
  planId: string,
  inputs: readonly number[],
  combinations: readonly Combination[],
  active: boolean,
  by: By,
): Promise<number> {
  if (combinations.length === 0) return 0
  const status = active ? 'waiting' : 'deactivated'
  const columns = inputs.map((_, index) => tx`${tx(`knit${index}`)}`)
  const arrays = inputs.map(
    (_, index) => tx`${combinations.map((combination) => combination[index] ?? '')}::uuid[]`,
  )
  const pairs = inputs.map((inputId, index) => tx`(${inputId}::integer, ${columns[index] ?? tx``})`)
  // Sorted by input, so that a combination has one identity whichever of its data came last.
  const identity = inputs
    .map((inputId, index) => ({ inputId, column: columns[index] ?? tx`` }))
    .toSorted((a, b) => a.inputId - b.inputId)
    .map(({ inputId, column }) => tx`|| int4send(${inputId}) || uuid_send(${column})`)
  const [made] = await tx<{ count: number }[]>`
    with combination as materialized (
      select uuidv7() as run_id, given.*
        from unnest(${listed(tx, arrays)}) as given (${listed(tx, columns)})
    ), made as (
      insert into run (id, plan_id, status, combination, traceparent)
      select run_id, ${planId}::uuid, ${status}, sha256(''::bytea ${identity}), ${rememberedTrace(by)}
        from combination
          on conflict (plan_id, combination) do nothing
      returning id, plan_id, status
    ), assigned as (
      insert into assign (run_id, plan_id, input_id, knit_id)
      select made.id, made.plan_id, pair.input_id, pair.knit_id
        from made
        join combination on combination.run_id = made.id
       cross join lateral (values ${listed(tx, pairs)}) as pair (input_id, knit_id)
    ), written as (
      insert into data (plan_id, run_id, output_id, tags)
      select made.plan_id, made.id, output.id, output.tags
        from made
        join output on output.plan_id = made.plan_id
    ), remembered as (
      insert into run_history (run_id, attempt, status, actor)
      select id, 1, status, ${by.actor}
        from made
    ), told as (
      insert into outbox (type, subject, data, traceparent)
      select ${`run.${status}`}, plan_id, jsonb_build_object('planId', plan_id), ${by.traceparent ?? null}
        from made
       limit 1
    )
    select count(*)::integer as count from made`
  return made?.count ?? 0
}

/**
 * Forgets nominations whose data no longer fits. False when somebody else holds one of them: it stays, and its data may fit again
 * before they look. Who left it out may then settle nothing: of two nominations it is the projection that lists last which sees both,
 * so it has to make what they have in common, forget the other one, or be due again.
 */
export async function dropNominations(tx: Tx, pairs: readonly Pair[]): Promise<boolean> {
  if (pairs.length === 0) return true
  const [left] = await tx<{ none: boolean }[]>`
    with unfit as materialized (
      select input_id, knit_id
        from nomination
       where (input_id, knit_id) in (
         select * from unnest(
           ${pairs.map(({ inputId }) => inputId)}::integer[],
           ${pairs.map(({ knitId }) => knitId)}::uuid[]
         )
       )
    ), dropped as (
      delete from nomination
       where (input_id, knit_id) in (
         select input_id, knit_id
           from nomination
          where (input_id, knit_id) in (select input_id, knit_id from unfit)
            for update skip locked
       )
      returning 1
    )
    select (select count(*) from unfit) = (select count(*) from dropped) as none`
  return left?.none ?? true
}

/** Marks nominations of one input as projected. */
export async function settleTriggers(
  tx: Tx,
  inputId: number,
  knitIds: readonly string[],
): Promise<void> {
  if (knitIds.length === 0) return
  await tx`
    update nomination
       set due = false,
           cursor = null
     where input_id = ${inputId}
       and knit_id = any (${[...knitIds]}::uuid[])`
}

/** Remembers where the product of one nomination was left. */
export async function leaveTrigger(
  tx: Tx,
  trigger: Pair,
  cursor: readonly string[],
): Promise<void> {
  await tx`
    update nomination
       set cursor = ${[...cursor]}::uuid[]
     where input_id = ${trigger.inputId}
       and knit_id = ${trigger.knitId}`
}

/** Fragments with commas between them. */
function listed(tx: Tx, fragments: readonly Fragment[]): Fragment[] {
  return fragments.map((fragment, index) => (index === 0 ? fragment : tx`, ${fragment}`))
}
