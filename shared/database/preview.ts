import { createHash } from 'node:crypto'
import { combinations } from '#shared/domain/combinations.ts'
import type { InputDefinition } from '#shared/domain/plan.ts'
import { whyNotMore, type PlanPreview } from '#shared/domain/preview.ts'
import { formatTag, shownMountTags } from '#shared/domain/tag.ts'
import type { Queryable } from './sql.ts'
import { findTagIds, pickTags, tagsById } from './tags.ts'

const mostFits = 1000
const mostCombinations = 10_000
const mostShown = 100

/** An input, of a plan that is registered or not. */
type Asking = {
  /** Absent for one that is not registered. */
  id?: number
  path: string
  /** What it asks for, as people read it. */
  asks: string[]
  /** Undefined when nothing can carry all of them. */
  tagIds: number[] | undefined
  knitId: string | null
  timestamp: Date | null
}

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
  const [plan] = await sql<{ active: boolean; paused: boolean }[]>`
    select active, would_create is not null as paused from plan where id = ${planId}`
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
  return preview(sql, plan, asking, planId)
}

type Fitting = { ready: string[]; pending: number }

async function preview(
  sql: Queryable,
  plan: { active: boolean; paused: boolean },
  asking: readonly Asking[],
  planId?: string,
): Promise<PlanPreview> {
  const found: Fitting[] = []
  for (const input of asking) found.push(await fittingOf(sql, input))
  const all = combinations(found.map(({ ready }) => ({ head: ready, behind: [] })))
  // A plan without inputs is built in, and starts nothing.
  const looked = asking.length > 0 ? all.take(mostCombinations).toArray() : []
  const known =
    planId === undefined ? new Set<number>() : await combined(sql, planId, asking, looked)
  const fresh = looked.filter((_, index) => !known.has(index))
  const inputs = asking.map(({ path, asks }, index) => ({
    path,
    asks,
    fits: found[index]?.ready.length ?? 0,
    pending: found[index]?.pending ?? 0,
  }))
  const paths = asking.map(({ path }) => path)
  return {
    starts: plan.active && !plan.paused ? fresh.length : 0,
    more: looked.length === mostCombinations || inputs.some(({ fits }) => fits === mostFits),
    runs: fresh
      .slice(0, mostShown)
      .map((ids) => ({ inputs: ids.map((knitId, at) => ({ path: paths[at] ?? '', knitId })) })),
    inputs: inputs.map(({ path, fits, pending }) => ({ path, fits, pending })),
    reasons: whyNotMore(plan, inputs, known.size),
  }
}

/** The first data that fit an input, and how many will. */
async function fittingOf(sql: Queryable, { tagIds, knitId, timestamp }: Asking): Promise<Fitting> {
  if (tagIds === undefined) return { ready: [], pending: 0 }
  const asked = sql`
    data.tags @> ${tagIds}::integer[]
     and ${knitId === null ? sql`true` : sql`data.id = ${knitId}`}`
  const ready = await sql<{ id: string }[]>`
    select id
      from data
     where ready
       and ${asked}
       and ${timestamp === null ? sql`true` : sql`ended_at = ${timestamp}`}
     order by id
     limit ${mostFits}`
  const [pending] = await sql<{ count: number }[]>`
    select count(*)::integer as count
      from (
        select from data where ended_at is null and ${timestamp === null} and ${asked} limit ${mostFits}
      ) as soon`
  return { ready: ready.map(({ id }) => id), pending: pending?.count ?? 0 }
}

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
