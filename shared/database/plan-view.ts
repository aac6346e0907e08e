import { formatAnnotation, type Annotation } from '#shared/domain/annotation.ts'
import { formatLabel, onNodeModes, type OnNode } from '#shared/domain/on-node.ts'
import type { PlanSummary } from '#shared/domain/plan-summary.ts'
import type { Downstream, PlanDetail, PlanUsage, Upstream } from '#shared/domain/plan.ts'
import { readTagQuery, shownMountTags, type Tag } from '#shared/domain/tag.ts'
import { showTags, type LogPoint, type Mountpoint } from '#shared/domain/wire.ts'
import type { IdSink } from './id-list.ts'
import { into, type Page } from './page.ts'
import type { Queryable } from './sql.ts'
import { allTagIds, pickTags, tagsById } from './tags.ts'

type SummaryRow = {
  id: string
  name: string | null
  image: string | null
  image_tag: string | null
  entrypoint: string[]
  args: string[]
  annotations: Annotation[]
}

function showSummary(row: SummaryRow): PlanSummary {
  return {
    planId: row.id,
    ...(row.image && { image: `${row.image}:${row.image_tag}` }),
    ...(row.entrypoint.length > 0 && { entrypoint: row.entrypoint }),
    ...(row.args.length > 0 && { args: row.args }),
    ...(row.name && { name: row.name }),
    ...(row.annotations.length > 0 && { annotations: row.annotations.map(formatAnnotation) }),
  }
}

/** What is shown of plans beside other things, by id. */
export async function planSummaries(
  sql: Queryable,
  ids: Iterable<string>,
): Promise<Map<string, PlanSummary>> {
  const rows = await sql<SummaryRow[]>`
    select id, name, image, image_tag, entrypoint, args, annotations
      from plan
     where id = any (${[...new Set(ids)]}::uuid[])`
  return new Map(rows.map((row) => [row.id, showSummary(row)]))
}

/** A mount point of a plan: an input, an output, or (without path) the log. */
export type MountRow = {
  id: number
  planId: string
  kind: 'input' | 'output'
  path: string | null
  tags: number[]
  knitId: string | null
  timestamp: Date | null
}

/** Every mount point of plans, in the plans' order, with the tags as they are shown. */
export async function mountsOfPlans(
  sql: Queryable,
  planIds: Iterable<string>,
): Promise<(MountRow & { shown: Tag[] })[]> {
  const ids = [...new Set(planIds)]
  const rows = await sql<MountRow[]>`
    select id, plan_id as "planId", 'input' as kind, path, tags, knit_id as "knitId",
           knit_timestamp as timestamp, position
      from input
     where plan_id = any (${ids}::uuid[])
     union all
    select id, plan_id, 'output', path, tags, null, null, position
      from output
     where plan_id = any (${ids}::uuid[])
     order by "planId", kind, position`
  const byId = await tagsById(
    sql,
    rows.flatMap(({ tags }) => tags),
  )
  return rows.map((row) => ({
    ...row,
    shown: shownMountTags({
      tags: pickTags(byId, row.tags),
      knitId: row.knitId ?? undefined,
      timestamp: row.timestamp ?? undefined,
    }),
  }))
}

type Feed = {
  inputId: number
  inputPlan: string
  inputPath: string
  inputTags: number[]
  outputId: number
  outputPlan: string
  outputPath: string | null
  outputTags: number[]
}

/** Which outputs feed which inputs, where at least one side belongs to the plans. */
async function feedsOfPlans(sql: Queryable, planIds: string[]): Promise<Feed[]> {
  const columns = sql`
    input.id as "inputId", input.plan_id as "inputPlan", input.path as "inputPath",
    input.tags as "inputTags", output.id as "outputId", output.plan_id as "outputPlan",
    output.path as "outputPath", output.tags as "outputTags"`
  return sql<Feed[]>`
    select ${columns}
      from output
      join input on input.rarest_tag = any (output.tags) and input.tags <@ output.tags
     where output.plan_id = any (${planIds}::uuid[])
       and input.knit_id is null
       and input.knit_timestamp is null
     union
    select ${columns}
      from input
      join output on output.tags @> input.tags
     where input.plan_id = any (${planIds}::uuid[])
       and input.rarest_tag is not null
       and input.knit_id is null
       and input.knit_timestamp is null
     order by "inputPlan", "inputId", "outputPlan", "outputId"`
}

type PlanRow = SummaryRow & {
  on_node: Partial<OnNode>
  resources: Record<string, string>
  service_account: string | null
  active: boolean
  would_create: number | null
  matching: boolean
}

/** Plans as the API shows them, in the order of the ids; what does not exist is left out. */
export async function showPlans(sql: Queryable, ids: readonly string[]): Promise<PlanDetail[]> {
  if (ids.length === 0) return []
  const [rows, mounts, feeds] = await Promise.all([
    sql<PlanRow[]>`
      select *,
             would_create is not null
             and exists (select from match_task where plan_id = plan.id) as matching
        from plan
       where id = any (${[...ids]}::uuid[])`,
    mountsOfPlans(sql, ids),
    feedsOfPlans(sql, [...ids]),
  ])
  const [neighbours, byId] = await Promise.all([
    planSummaries(
      sql,
      feeds.flatMap((feed) => [feed.inputPlan, feed.outputPlan]),
    ),
    tagsById(
      sql,
      feeds.flatMap((feed) => [...feed.inputTags, ...feed.outputTags]),
    ),
  ])
  const planOf = (planId: string) => neighbours.get(planId) ?? { planId }
  const tagsOf = (tagIds: number[]) => showTags(shownMountTags({ tags: pickTags(byId, tagIds) }))
  const feeding = Map.groupBy(feeds, ({ inputId }) => inputId)
  const fed = Map.groupBy(feeds, ({ outputId }) => outputId)
  const upstreams = (inputId: number): Upstream[] =>
    (feeding.get(inputId) ?? []).map((feed) => {
      const tags = tagsOf(feed.outputTags)
      const plan = planOf(feed.outputPlan)
      if (feed.outputPath === null) return { plan, log: { tags } }
      return { plan, mountpoint: { path: feed.outputPath, tags } }
    })
  const downstreams = (outputId: number): Downstream[] =>
    (fed.get(outputId) ?? []).map((feed) => ({
      plan: planOf(feed.inputPlan),
      mountpoint: { path: feed.inputPath, tags: tagsOf(feed.inputTags) },
    }))
  const shown = new Map(
    rows.map((row) => {
      const own = mounts.filter((mount) => mount.planId === row.id)
      return [row.id, showPlan(row, own, upstreams, downstreams)]
    }),
  )
  return ids.flatMap((id) => shown.get(id) ?? [])
}

function showPlan(
  row: PlanRow,
  mounts: (MountRow & { shown: Tag[] })[],
  upstreams: (inputId: number) => Upstream[],
  downstreams: (outputId: number) => Downstream[],
): PlanDetail {
  const outputs = mounts.filter(({ kind }) => kind === 'output')
  const log = outputs.find(({ path }) => path === null)
  const onNode = onNodeModes.flatMap((mode) => {
    const labels = (row.on_node[mode] ?? []).map(formatLabel)
    return labels.length > 0 ? [[mode, labels] as const] : []
  })
  return {
    ...showSummary(row),
    inputs: mounts
      .filter(({ kind }) => kind === 'input')
      .map((mount) => ({ ...mountpointOf(mount), upstreams: upstreams(mount.id) })),
    outputs: outputs
      .filter(({ path }) => path !== null)
      .map((mount) => ({ ...mountpointOf(mount), downstreams: downstreams(mount.id) })),
    ...(log && { log: { ...logPointOf(log), downstreams: downstreams(log.id) } }),
    active: row.active,
    ...(onNode.length > 0 && { on_node: Object.fromEntries(onNode) }),
    ...(Object.keys(row.resources).length > 0 && { resources: sortedByKey(row.resources) }),
    ...(row.service_account && { service_account: row.service_account }),
    ...(row.would_create !== null && { paused: showPause(row, row.would_create) }),
  }
}

const showPause = ({ id, matching }: PlanRow, wouldCreate: number) => ({
  wouldCreate,
  message: `It would create ${countInWords(wouldCreate, matching)}. If that is meant: knit plan active yes ${id} --allow N`,
})

const countInWords = (count: number, matching: boolean): string =>
  matching
    ? `${inWords(count)} runs, or more: what fits it is still being looked for`
    : `up to ${inWords(count)} runs`

const inWords = (count: number): string =>
  count < 1e15 ? String(count) : `10^${Math.floor(Math.log10(count))}`

const sortedByKey = (record: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)))

export const mountpointOf = (mount: { path: string | null; shown: Tag[] }): Mountpoint => ({
  path: mount.path ?? '',
  tags: showTags(mount.shown),
})

export const logPointOf = (mount: { shown: Tag[] }): LogPoint => ({ tags: showTags(mount.shown) })

export type PlanFilter = {
  active?: boolean | undefined
  image?: { repository: string; tag?: string } | undefined
  inTags: readonly Tag[]
  outTags: readonly Tag[]
}

/**
 * Ids of plans, in order: one input asks for all of `inTags`, one output or the log puts all of `outTags`. With a page it is the
 * other way round, and no more than that page. `found` is what they are put into.
 */
export async function findPlanIds<Found extends IdSink = string[]>(
  sql: Queryable,
  filter: PlanFilter,
  page?: Page,
  found = [] as IdSink as Found,
): Promise<NoInfer<Found>> {
  const inQuery = readTagQuery(filter.inTags)
  const outQuery = readTagQuery(filter.outTags)
  if (inQuery.impossible || inQuery.transient || outQuery.impossible) return found
  if (outQuery.knitId || outQuery.timestamp || outQuery.transient) return found
  const rows = sql<{ id: string }[]>`
    select id
      from plan
     where ${filter.active === undefined ? sql`true` : sql`active = ${filter.active}`}
       and ${filter.image ? sql`image = ${filter.image.repository}` : sql`true`}
       and ${filter.image?.tag ? sql`image_tag = ${filter.image.tag}` : sql`true`}
       and ${inQuery.user.length > 0 ? sql`exists (select from input where plan_id = plan.id and tags @> ${allTagIds(sql, inQuery.user)})` : sql`true`}
       and ${inQuery.knitId ? sql`exists (select from input where plan_id = plan.id and knit_id = ${inQuery.knitId})` : sql`true`}
       and ${inQuery.timestamp ? sql`exists (select from input where plan_id = plan.id and knit_timestamp = ${inQuery.timestamp})` : sql`true`}
       and ${outQuery.user.length > 0 ? sql`exists (select from output where plan_id = plan.id and tags @> ${allTagIds(sql, outQuery.user)})` : sql`true`}
       and ${page?.after === undefined ? sql`true` : sql`id < ${page.after.id}`}
     ${page ? sql`order by id desc limit ${page.limit}` : sql`order by id`}`
  await rows.forEach(into(found, page))
  return found
}

/** The room that what runs of a plan have written takes; undefined when there is no such plan. */
export async function planUsage(sql: Queryable, planId: string): Promise<PlanUsage | undefined> {
  const [row] = await sql<Record<'runs' | 'data' | 'files' | 'bytes', string>[]>`
    select count(distinct run.id) as runs,
           count(data.id) as data,
           coalesce(sum(data.files), 0) as files,
           coalesce(sum(data.bytes), 0) as bytes
      from plan
      left join run on run.plan_id = plan.id
      left join data on data.run_id = run.id
     where plan.id = ${planId}
     group by plan.id`
  if (!row) return undefined
  // Sums come as text, as they may be larger than any number.
  return {
    planId,
    runs: Number(row.runs),
    data: Number(row.data),
    files: Number(row.files),
    bytes: Number(row.bytes),
  }
}
