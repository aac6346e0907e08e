import {
  changedAnnotations,
  type Annotation,
  type AnnotationChange,
} from '#shared/domain/annotation.ts'
import {
  canonicalPlan,
  changedResources,
  type PlanDefinition,
  type ResourceLimitChange,
} from '#shared/domain/plan.ts'
import type { Tag } from '#shared/domain/tag.ts'
import { internTags } from './tags.ts'
import { tell, type By } from './outbox.ts'
import { allowRuns } from './projection.ts'
import { begin, type Queryable, type Tx } from './sql.ts'
import { turns } from './turns.ts'

/** How registering a plan ended; a refusal names the plans it collides with. */
export type Registration = { planId: string } | { equivalent: string } | { cycle: string[] }

/** Registers a plan, with the task to match it, unless an equivalent one exists or it would feed itself. */
export async function registerPlan(
  sql: Queryable,
  plan: PlanDefinition,
  by: By,
): Promise<Registration> {
  const tagIds = await internMounts(sql, plan)
  return begin(sql, async (tx): Promise<Registration> => {
    await tx`select pg_advisory_xact_lock(${turns.registering})`
    const canonical = canonicalPlan(plan)
    const [equivalent] = await tx<{ id: string }[]>`
      select id from plan where hash = sha256(convert_to(${canonical}, 'UTF8'))`
    if (equivalent) return { equivalent: equivalent.id }
    const cycle = await findCycle(tx, plan, tagIds)
    if (cycle) return { cycle }
    const planId = await insertPlan(tx, plan, canonical, tagIds)
    await tx`insert into match_task (plan_id) values (${planId})`
    await tell(tx, 'plan.registered', planId, { planId }, by)
    return { planId }
  })
}

/** The tag ids of each mount point, in the order inputs, outputs, log. */
type MountTags = { inputs: number[][]; outputs: number[][]; log: number[] }

async function internMounts(sql: Queryable, plan: PlanDefinition): Promise<MountTags> {
  // All at once, and so in one order: two plans with the same new tags never wait for each other.
  const mounts = [...plan.inputs, ...plan.outputs, ...(plan.log ? [plan.log] : [])]
  await internTags(
    sql,
    mounts.flatMap(({ tags }) => tags),
  )
  const ids = async (tags: readonly Tag[]) =>
    (await internTags(sql, tags)).toSorted((a, b) => a - b)
  const inputs: number[][] = []
  for (const input of plan.inputs) inputs.push(await ids(input.tags))
  const outputs: number[][] = []
  for (const output of plan.outputs) outputs.push(await ids(output.tags))
  return { inputs, outputs, log: await ids(plan.log?.tags ?? []) }
}

async function insertPlan(
  tx: Tx,
  plan: PlanDefinition,
  canonical: string,
  tagIds: MountTags,
): Promise<string> {
  const [row] = await tx<{ id: string }[]>`
    insert into plan (
      image, image_tag, entrypoint, args, on_node, resources, annotations, service_account, active, hash
    )
    values (
      ${plan.image.repository}, ${plan.image.tag}, ${plan.entrypoint}, ${plan.args},
      ${tx.json(plan.onNode)}, ${tx.json(plan.resources)}, ${tx.json(plan.annotations)},
      ${plan.serviceAccount ?? null}, ${plan.active}, sha256(convert_to(${canonical}, 'UTF8'))
    )
    returning id`
  if (!row) throw new Error('insert into plan returned no row')
  for (const [position, input] of plan.inputs.entries()) {
    const tags = tagIds.inputs[position] ?? []
    await tx`
      insert into input (plan_id, position, path, tags, rarest_tag, knit_id, knit_timestamp)
      values (
        ${row.id}, ${position}, ${input.path}, ${tags}, ${await rarestTag(tx, tags)},
        ${input.knitId ?? null}, ${input.timestamp ?? null}
      )`
  }
  const outputs = plan.outputs.map(({ path }, index) => ({
    path,
    tags: tagIds.outputs[index] ?? [],
  }))
  const written = plan.log ? [...outputs, { path: null, tags: tagIds.log }] : outputs
  for (const [position, { path, tags }] of written.entries()) {
    await tx`
      insert into output (plan_id, position, path, tags)
      values (${row.id}, ${position}, ${path}, ${tags})`
  }
  return row.id
}

// Counting further would cost more than a better choice could save.
const countedData = 10_000

/** Of the tags of an input, the one that fewest data carry; among equals the one that fewest inputs are found by. */
async function rarestTag(tx: Tx, tags: readonly number[]): Promise<number | null> {
  const [rarest] = await tx<{ tag: number }[]>`
    select tag
      from unnest(${[...tags]}::integer[]) as tag
     cross join lateral (
       select count(*) as data
         from (select from data where tags @> array[tag] limit ${countedData}) as few
     ) as carried
     cross join lateral (
       select count(*) as inputs
         from (select from input where rarest_tag = tag limit ${countedData}) as few
     ) as asked
     order by data, inputs, tag
     limit 1`
  return rarest?.tag ?? null
}

/** What a plan writes to one mount point; without a plan it is the one to be registered. */
type Written = { planId: string | null; tags: number[] }

/** The plans on the shortest way from an output of the new plan back to one of its inputs; undefined when there is no way. */
async function findCycle(
  tx: Tx,
  plan: PlanDefinition,
  tagIds: MountTags,
): Promise<string[] | undefined> {
  const asked = tagIds.inputs.filter((_, index) => {
    const input = plan.inputs[index]
    return input && !input.knitId && !input.timestamp
  })
  const closes = ({ tags }: Written) =>
    asked.some((wanted) => wanted.every((id) => tags.includes(id)))
  // Each plan that is reached, with the one before it.
  const reached = new Map<string, string | null>()
  let written: Written[] = [...tagIds.outputs, ...(plan.log ? [tagIds.log] : [])].map((tags) => ({
    planId: null,
    tags,
  }))
  while (written.length > 0) {
    const closing = written.find(closes)
    if (closing) return wayTo(closing.planId, reached)
    written = await feedOn(tx, written, reached)
  }
  return undefined
}

/** Goes one plan on: which plans, not reached before, ask for what is written, and what they write. */
async function feedOn(
  tx: Tx,
  written: readonly Written[],
  reached: Map<string, string | null>,
): Promise<Written[]> {
  const rows = await tx<{ planId: string; before: string | null; tags: number[] | null }[]>`
    with written as (
      select (value ->> 'planId')::uuid as plan_id,
             array(select jsonb_array_elements_text(value -> 'tags')::integer) as tags
        from jsonb_array_elements(${tx.json([...written])}) as value
    ), fed as (
      select distinct on (input.plan_id) input.plan_id, written.plan_id as before
        from written
        join input on input.rarest_tag = any (written.tags) and input.tags <@ written.tags
       where input.knit_id is null
         and input.knit_timestamp is null
         and input.plan_id <> all (${[...reached.keys()]}::uuid[])
       order by input.plan_id
    )
    select fed.plan_id as "planId", fed.before, output.tags
      from fed
      left join output on output.plan_id = fed.plan_id`
  for (const { planId, before } of rows) reached.set(planId, before)
  return rows.flatMap(({ planId, tags }) => (tags ? [{ planId, tags }] : []))
}

function wayTo(last: string | null, reached: ReadonlyMap<string, string | null>): string[] {
  if (last === null) return []
  return [...wayTo(reached.get(last) ?? null, reached), last]
}

/**
 * Sets a plan active or inactive and lets its held runs wait, or holds its waiting ones; false when there is no such plan.
 * `allow` lets a paused plan go on if it makes no more runs than that. The plan comes first, so that a projection that comes later sees what it is now.
 */
export async function setPlanActive(
  sql: Queryable,
  planId: string,
  active: boolean,
  by: By,
  allow?: number,
): Promise<boolean> {
  const [from, to] = active ? ['deactivated', 'waiting'] : ['waiting', 'deactivated']
  return begin(sql, async (tx) => {
    const { count } = await tx`
      update plan set active = ${active} where id = ${planId} and name is null`
    if (count === 0) return false
    if (allow !== undefined) await allowRuns(tx, planId, allow, by)
    await tx`
      with held as (
        select id from run where plan_id = ${planId} and status = ${from} order by id for update
      ), moved as (
        update run
           set status = ${to},
               claim = null,
               claimed_by = null,
               claimed_until = null,
               failures = 0,
               hook_failures = 0,
               reason = null,
               due_at = now()
         where id in (select id from held)
           and status = ${from}
        returning id, plan_id, attempt, status
      ), remembered as (
        insert into run_history (run_id, attempt, from_status, status, actor)
        select id, attempt, ${from}, status, ${by.actor}
          from moved
      )
      insert into outbox (type, subject, data, traceparent)
      select ${`run.${to}`}, plan_id, jsonb_build_object('planId', plan_id), ${by.traceparent ?? null}
        from moved
       limit 1`
    return true
  })
}

/**
 * Changes what each run of a plan may use from now on, unless that would then have more bytes than allowed: gives back how many it would
 * have. Runs of it that wait may have room by that, and are looked at again.
 */
export async function setPlanResources(
  tx: Tx,
  planId: string,
  change: ResourceLimitChange,
  maxBytes: number,
  by: By,
): Promise<number | undefined> {
  const [plan] = await tx<{ resources: Record<string, string> }[]>`
    select resources from plan where id = ${planId} for no key update`
  const resources = changedResources(plan?.resources ?? {}, change)
  const bytes = Buffer.byteLength(JSON.stringify(resources))
  if (bytes > maxBytes) return bytes
  await tx`
    with changed as (
      update plan set resources = ${tx.json(resources)} where id = ${planId} returning id
    )
    insert into outbox (type, subject, data, traceparent)
    select 'run.waiting', id, jsonb_build_object('planId', id), ${by.traceparent ?? null}
      from changed
     where exists (select from run where plan_id = changed.id and status = 'waiting')`
  return undefined
}

/**
 * Changes the annotations of a plan, unless they would then have more bytes than allowed: gives back how many they would have.
 * Nothing is changed of a plan that does not exist.
 */
export async function annotatePlan(
  tx: Tx,
  planId: string,
  change: AnnotationChange,
  maxBytes: number,
): Promise<number | undefined> {
  const [plan] = await tx<{ annotations: Annotation[] }[]>`
    select annotations from plan where id = ${planId} for no key update`
  const annotations = changedAnnotations(plan?.annotations ?? [], change)
  const bytes = Buffer.byteLength(JSON.stringify(annotations))
  if (bytes > maxBytes) return bytes
  await tx`update plan set annotations = ${tx.json(annotations)} where id = ${planId}`
  return undefined
}

/** Says which service account workers of a plan have from now on; null for the usual one. */
export async function setPlanAccount(
  tx: Tx,
  planId: string,
  serviceAccount: string | null,
): Promise<void> {
  await tx`update plan set service_account = ${serviceAccount} where id = ${planId}`
}
