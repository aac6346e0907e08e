import type { DataDetail } from '#shared/domain/data.ts'
import { runStates, runStatuses, type RunStatus } from '#shared/domain/run-states.ts'
import type { Place } from '#shared/domain/place.ts'
import { readTagQuery, shownTags, type Tag } from '#shared/domain/tag.ts'
import { showTags } from '#shared/domain/wire.ts'
import { logPointOf, mountpointOf, mountsOfPlans, planSummaries } from './plan-view.ts'
import { findFits, findUses, type Downstream, type Use } from './data-uses.ts'
import type { IdSink } from './id-list.ts'
import { into, type Page } from './page.ts'
import { runSummaries } from './run-view.ts'
import type { Fragment, Queryable } from './sql.ts'
import { inWindow, type TimeWindow } from './time-window.ts'
import { allTagIds, digestOf, pickTags, tagsById, tagStatistics, worthSearching } from './tags.ts'

type DataRow = {
  id: string
  plan_id: string
  run_id: string
  output_id: number
  tags: number[]
  ended_at: Date | null
  status: RunStatus
} & ContentRow

/** Either all of it is known or nothing; numbers come as text, as they may be larger than any. */
type ContentRow = { bytes: string; files: string; digest: string } | { digest: null }

/** A data as it is shown; of one that more runs read than are held, those are null: who needs them reads them bit by bit. */
export type ShownData = Omit<DataDetail, 'downstreams'> & { downstreams: Downstream[] | null }

/** Data as the API shows them, in the order of the ids; what does not exist is left out. */
export const showData = async (sql: Queryable, ids: readonly string[]): Promise<ShownData[]> =>
  (await Array.fromAsync(showDataInParts(sql, ids))).flat()

/** The same in so many parts that what reads the data of one can be held. One that more read is a part of its own. */
export async function* showDataInParts(
  sql: Queryable,
  ids: readonly string[],
): AsyncGenerator<ShownData[], void> {
  if (ids.length === 0) return
  const [rows, uses] = await Promise.all([dataRows(sql, ids), findUses(sql, ids)])
  const [only = '', ...others] = ids
  if (uses) {
    yield await showWith(sql, ids, rows, uses)
  } else if (others.length === 0) {
    const shown = await showWith(sql, ids, rows, await findFits(sql, only))
    yield shown.map((data) => ({ ...data, downstreams: null }))
  } else {
    const half = Math.ceil(ids.length / 2)
    yield* showDataInParts(sql, ids.slice(0, half))
    yield* showDataInParts(sql, ids.slice(half))
  }
}

const dataRows = (sql: Queryable, ids: readonly string[]) => sql<DataRow[]>`
  select data.id, data.plan_id, data.run_id, data.output_id, data.tags, data.ended_at, run.status,
         data.bytes, data.files, data.digest
    from data
    join run on run.id = data.run_id
   where data.id = any (${[...ids]}::uuid[])`

async function showWith(
  sql: Queryable,
  ids: readonly string[],
  rows: readonly DataRow[],
  uses: readonly Use[],
): Promise<DataDetail[]> {
  const planIds = [...rows.map((row) => row.plan_id), ...uses.map(({ planId }) => planId)]
  const [byId, runs, mounts, plans] = await Promise.all([
    tagsById(
      sql,
      rows.flatMap(({ tags }) => tags),
    ),
    runSummaries(sql, [
      ...rows.map((row) => row.run_id),
      ...uses.flatMap(({ runId }) => runId ?? []),
    ]),
    mountsOfPlans(sql, planIds),
    planSummaries(
      sql,
      uses.map(({ planId }) => planId),
    ),
  ])
  const mountOf = new Map(mounts.map((mount) => [`${mount.kind} ${mount.id}`, mount]))
  const usesOf = Map.groupBy(uses, ({ knitId }) => knitId)
  const show = (row: DataRow): DataDetail[] => {
    const source = mountOf.get(`output ${row.output_id}`)
    const run = runs.get(row.run_id)
    if (!source || !run) return []
    const own = usesOf.get(row.id) ?? []
    return [
      {
        knitId: row.id,
        tags: showTags(tagsOf(row, byId)),
        upstream: {
          ...(source.path === null
            ? { log: logPointOf(source) }
            : { mountpoint: mountpointOf(source) }),
          // It may have gone on since the data were read: what is shown of them fits the status of then.
          run: { ...run, status: row.status },
        },
        downstreams: own.flatMap(({ runId, inputId }) => {
          const reader = runId === null ? undefined : runs.get(runId)
          const mount = mountOf.get(`input ${inputId}`)
          return reader && mount ? [{ mountpoint: mountpointOf(mount), run: reader }] : []
        }),
        nomination: own.flatMap(({ runId, planId, inputId }) => {
          const plan = plans.get(planId)
          const mount = mountOf.get(`input ${inputId}`)
          return runId === null && plan && mount ? [{ ...mountpointOf(mount), plan }] : []
        }),
        ...contentOf(row),
      },
    ]
  }
  const shown = new Map(rows.flatMap((row) => show(row).map((detail) => [row.id, detail] as const)))
  return ids.flatMap((id) => shown.get(id) ?? [])
}

function contentOf(row: ContentRow): Pick<DataDetail, 'content'> {
  if (row.digest === null) return {}
  const { bytes, files, digest } = row
  return { content: { bytes: Number(bytes), files: Number(files), digest } }
}

function tagsOf(row: DataRow, byId: ReadonlyMap<number, Tag>): Tag[] {
  const kind = runStates[row.status].data
  return shownTags({
    knitId: row.id,
    tags: pickTags(byId, row.tags),
    timestamp: row.ended_at ?? undefined,
    transient: kind === 'ready' ? undefined : kind,
  })
}

/** Where a data stands in the list of all: those that have not ended have no time. */
export async function findDataPlace(sql: Queryable, id: string): Promise<Place | undefined> {
  const [place] = await sql<Place[]>`
    select id, ended_at as at from data where id = ${id}`
  return place
}

/**
 * Ids of data that carry all the tags, the last ended last, those that have not ended after them. With a page it is the other
 * way round, and no more than that page. `found` is what they are put into.
 */
export async function findDataIds<Found extends IdSink = string[]>(
  sql: Queryable,
  tags: readonly Tag[],
  window: TimeWindow = {},
  page?: Page,
  found = [] as IdSink as Found,
): Promise<NoInfer<Found>> {
  const query = readTagQuery(tags)
  if (query.impossible) return found
  const statuses = runStatuses.filter((status) => runStates[status].data === query.transient)
  const { source, condition, order } = page
    ? await searchOf(sql, query.user, page)
    : {
        source: sql`data`,
        condition: carriesAll(sql, query.user),
        order: sql`order by data.ended_at, data.id`,
      }
  const rows = sql<{ id: string; at?: Date | null }[]>`
    select data.id ${page ? sql`, data.ended_at as at` : sql``}
      from ${source}
      ${query.transient ? sql`join run on run.id = data.run_id` : sql``}
     where ${condition}
       and ${query.knitId ? sql`data.id = ${query.knitId}` : sql`true`}
       and ${query.timestamp ? sql`data.ended_at = ${query.timestamp}` : sql`true`}
       and ${query.transient ? sql`run.status = any (${statuses}::text[])` : sql`true`}
       and ${window.since ? sql`data.id in (${idsInWindow(sql, window)})` : sql`true`}
     ${order}`
  await rows.forEach(into(found, page))
  return found
}

/** What ended in the window, and what has not ended but whose run changed in it: each found by its own index. */
const idsInWindow = (sql: Queryable, window: TimeWindow): Fragment => sql`
  select id from data where ${inWindow(sql, sql`ended_at`, window)}
   union all
  select data.id
    from data
    join run on run.id = run_id
   where ended_at is null
     and ${inWindow(sql, sql`updated_at`, window)}`

/**
 * How a page is found: along time, which sees as many data as it takes to fill the page, or by the rarest of the tags, which sees all
 * that carry them. Decided here, because a prepared statement is planned for any tags and so for none; `is true`
 * and `offset 0` keep the other index out.
 */
async function searchOf(sql: Queryable, tags: readonly Tag[], { limit, after }: Page) {
  const order = sql`order by data.ended_at desc, data.id desc limit ${limit}`
  const behind = after ? isBehind(sql, after) : sql`true`
  const { data, shares, bound } = await tagStatistics(sql)
  const shareOf = (tag: Tag): number => shares.get(digestOf(tag)) ?? bound
  const rarest = Math.min(...tags.map(shareOf))
  const together = tags.reduce((share, tag) => share * shareOf(tag), 1)
  if (tags.length === 0 || limit / together < rarest * data) {
    const condition = sql`(${carriesAll(sql, tags)}) is true and ${behind}`
    return { source: sql`data`, condition, order }
  }
  const searched = worthSearching(tags, shareOf)
  const isWhole = searched.length === tags.length
  const source = sql`(
    select *
      from data
     where ${carriesAll(sql, searched)}
       and ${isWhole ? sql`true` : sql`(${carriesAll(sql, tags)}) is true`}
    offset 0
  ) as data`
  return { source, condition: behind, order }
}

const carriesAll = (sql: Queryable, tags: readonly Tag[]): Fragment =>
  tags.length > 0 ? sql`data.tags @> ${allTagIds(sql, tags)}` : sql`true`

/** Those that have not ended come first, and have no time that could be compared. */
const isBehind = (sql: Queryable, { at, id }: Place) =>
  at
    ? sql`(data.ended_at, data.id) < (${at}::timestamptz, ${id}::uuid)`
    : sql`(data.ended_at is not null or data.id < ${id}::uuid)`
