import { createHash } from 'node:crypto'
import { freshCombinations } from '#shared/domain/combinations.ts'
import type { InputDefinition } from '#shared/domain/plan.ts'
import { whyNotMore, type PlanPreview } from '#shared/domain/preview.ts'
import { formatTag, shownMountTags } from '#shared/domain/tag.ts'
import { lookForData, mostFits, type Asking, type Found, type KnownPlan } from './look-for-data.ts'
import type { Queryable } from './sql.ts'
import { findTagIds, pickTags, tagsById } from './tags.ts'

const mostCombinations = 10_000
const mostShown = 100

/** What a plan would start that is not registered. */
export async function previewDefinition(
  sql: Queryable,
  { active, inputs }: { active: boolean; inputs: readonly InputDefinition[] },
): Promise<PlanPreview> {
  const asking: Asking[] = []
  for (const { path, tags, knitId, timestamp } of inputs) {
    const ids = await findTagIds(sql, tags)
    asking.push({
      path,
      asks: shownMountTags({ tags, knitId, timestamp }).map(formatTag),
      tagIds: ids.length === tags.length ? ids : undefined,
      knitId: knitId ?? null,
      timestamp: timestamp ?? null,
    })
  }
  return preview(sql, { active, paused: false }, asking)
}

type InputRow = {
  id: number
  path: string
  tags: number[]
  knitId: string | null
  timestamp: Date | null
}

/** What a registered plan would start of what there is now; undefined when there is no such plan. */
export async function previewPlan(
  sql: Queryable,
  planId: string,
): Promise<PlanPreview | undefined> {
  const [plan] = await sql<KnownPlan[]>`
    select plan.id, active, would_create is not null as paused, match_task.id is not null as matching, cursor
      from plan
      left join match_task on match_task.plan_id = plan.id
     where plan.id = ${planId}
     order by cursor nulls first
     limit 1`
  if (!plan) return undefined
  const rows = await sql<InputRow[]>`
    select id, path, tags, knit_id as "knitId", knit_timestamp as timestamp
      from input
     where plan_id = ${planId}
     order by position`
  const byId = await tagsById(
    sql,
    rows.flatMap(({ tags }) => tags),
  )
  const asking = rows.map(({ tags, ...row }): Asking => {
    const mount = {
      tags: pickTags(byId, tags),
      knitId: row.knitId ?? undefined,
      timestamp: row.timestamp ?? undefined,
    }
    return { ...row, tagIds: tags, asks: shownMountTags(mount).map(formatTag) }
  })
  return preview(sql, plan, asking)
}

async function preview(
  sql: Queryable,
  plan: { active: boolean; paused: boolean } | KnownPlan,
  asking: readonly Asking[],
): Promise<PlanPreview> {
  const found: Found[] = []
  for (const input of asking)
    found.push(await lookForData(sql, input, 'id' in plan ? plan : undefined))
  const looked = freshCombinations(found).take(mostCombinations).toArray()
  const known = 'id' in plan ? await combined(sql, plan.id, asking, looked) : new Set<number>()
  const starting = looked.filter((_, index) => !known.has(index))
  const inputs = asking.map(({ path, asks }, index) => {
    const { fits = 0, pending = 0 } = found[index] ?? {}
    return { path, asks, fits, pending }
  })
  const paths = asking.map(({ path }) => path)
  const more = looked.length === mostCombinations || isCut(found)
  return {
    starts: plan.active && !plan.paused ? starting.length : 0,
    more,
    runs: starting
      .slice(0, mostShown)
      .map((ids) => ({ inputs: ids.map((knitId, at) => ({ path: paths[at] ?? '', knitId })) })),
    inputs: inputs.map(({ path, fits, pending }) => ({ path, fits, pending })),
    reasons: whyNotMore(plan, inputs, {
      existing: more ? known.size : allOf(found) - starting.length,
      orMore: more || found.some(({ fits }) => fits === mostFits),
    }),
  }
}

/** Whether there is more that is fresh than was looked at: on an input, or of what it is combined with. */
const isCut = (found: readonly Found[]): boolean =>
  found.some(
    ({ fresh }, at) =>
      fresh.length >= mostFits ||
      (fresh.length > 0 && found.some(({ fits }, other) => other !== at && fits === mostFits)),
  )

// A plan without inputs is built in, and combines nothing.
const allOf = (found: readonly Found[]): number =>
  found.length === 0 ? 0 : found.reduce((product, { fits }) => product * fits, 1)

/** Which of the combinations have, or had, a run of the plan: their places in the list. */
async function combined(
  sql: Queryable,
  planId: string,
  asking: readonly Asking[],
  looked: readonly string[][],
): Promise<Set<number>> {
  const hashes = looked.map((ids) => identityOf(asking, ids))
  const rows = await sql<{ hash: string }[]>`
    select encode(combination, 'hex') as hash
      from run
     where plan_id = ${planId}
       and combination = any (array(select decode(hex, 'hex') from unnest(${hashes}::text[]) as hex))`
  const there = new Set(rows.map(({ hash }) => hash))
  return new Set(hashes.flatMap((hash, index) => (there.has(hash) ? [index] : [])))
}

/** As `createRuns` has it: over input and data, sorted by input. */
function identityOf(asking: readonly Asking[], ids: readonly string[]): string {
  const hash = createHash('sha256')
  const pairs = asking.map(({ id = 0 }, index) => ({ id, knitId: ids[index] ?? '' }))
  for (const { id, knitId } of pairs.toSorted((a, b) => a.id - b.id)) {
    const number = Buffer.alloc(4)
    number.writeInt32BE(id)
    hash.update(number).update(Buffer.from(knitId.replaceAll('-', ''), 'hex'))
  }
  return hash.digest('hex')
}
