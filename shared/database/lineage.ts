import type { Direction, Lineage } from '#shared/domain/lineage.ts'
import { runStates, type RunStatus } from '#shared/domain/run-states.ts'
import { shownTags, type Tag } from '#shared/domain/tag.ts'
import { formatTime } from '#shared/domain/time.ts'
import { showTags } from '#shared/domain/wire.ts'
import type { Fragment, Queryable } from './sql.ts'

export type LineageQuery = {
  direction: Direction
  /** From data to data. */
  depth?: number | undefined
  /** Also what the runs on the way up wrote, and those on the way down read, that is on neither. */
  besides?: boolean | undefined
  limit: number
  after?: string | undefined
}

/** A data or a run of a lineage. Of a data, `status` is that of the run that made it. */
type Node = {
  id: string
  isRun: boolean
  status: RunStatus
  /** Since when a run has its status; of a data when it ended. */
  at: Date | null
  tags: number[] | null
  /** What made a data, if that is among the nodes, and as which output. */
  maker: string | null
  outputId: number | null
  planId: string | null
  /** What a run reads of the nodes, and as which input. */
  reads: [knitId: string, inputId: number][] | null
}

/** What is said of the things that nodes name, by their ids. */
type Names = {
  tags: Record<number, Tag>
  outputs: Record<number, Point>
  inputs: Record<number, Point>
  plans: Record<string, string>
}

/** Where an output, or an input, is mounted, which a log is nowhere; and which of its plan it is. */
type Point = { path: string | null; position: number }

/**
 * Everything that a data or a run came from or that came of it, by id, with the edges that lead to each. Two statements, however
 * long the way. Undefined when there is nothing of that id.
 */
export async function showLineage(
  sql: Queryable,
  id: string,
  query: LineageQuery,
): Promise<Lineage | undefined> {
  const nodes = await findNodes(sql, id, query)
  if (nodes.length === 0 && query.after === undefined) return undefined
  const page = nodes.slice(0, query.limit)
  const last = nodes.length > page.length ? page.at(-1) : undefined
  const names = await findNames(sql, page)
  const [data, runs] = [page.filter(({ isRun }) => !isRun), page.filter(({ isRun }) => isRun)]
  return {
    id,
    data: data.map((node) => showData(node, names)),
    runs: runs.map((node) => showRun(node, names)),
    edges: page.flatMap((node) => edgesTo(node, names)),
    ...(last && { after: last.id }),
  }
}

function showData({ id, tags, status, at }: Node, names: Names): Lineage['data'][number] {
  const { data } = runStates[status]
  const shown = shownTags({
    knitId: id,
    tags: (tags ?? []).flatMap((tag) => names.tags[tag] ?? []),
    timestamp: at ?? undefined,
    transient: data === 'ready' ? undefined : data,
  })
  return { knitId: id, tags: showTags(shown) }
}

const showRun = ({ id, status, at, planId }: Node, { plans }: Names): Lineage['runs'][number] => ({
  runId: id,
  status,
  updatedAt: at ? formatTime(at) : '',
  planId: planId ?? '',
  plan: plans[planId ?? ''] ?? '',
})

function edgesTo({ id, maker, outputId, reads }: Node, names: Names): Lineage['edges'] {
  const edge = (from: string, { path, position }: Point = { path: null, position: 0 }) => ({
    from,
    to: id,
    ...(path !== null && { path }),
    position,
  })
  if (maker !== null) return [edge(maker, names.outputs[outputId ?? 0])]
  return (reads ?? [])
    .map(([from, inputId]) => edge(from, names.inputs[inputId]))
    .toSorted((a, b) => a.position - b.position)
}

/** Of few things each is named by many nodes; and what they are called does not change. */
async function findNames(sql: Queryable, nodes: readonly Node[]): Promise<Names> {
  const all = <K>(named: (node: Node) => readonly (K | null)[]): K[] => [
    ...new Set(nodes.flatMap(named).filter((id) => id !== null)),
  ]
  const [names] = await sql<Names[]>`
    select coalesce((
             select json_object_agg(id, json_build_object('key', key, 'value', value))
               from tag
              where id = any (${all(({ tags }) => tags ?? [])})
           ), '{}') as tags,
           coalesce((
             select json_object_agg(id, json_build_object('path', path, 'position', position))
               from output
              where id = any (${all(({ outputId }) => [outputId])})
           ), '{}') as outputs,
           coalesce((
             select json_object_agg(id, json_build_object('path', path, 'position', position))
               from input
              where id = any (${all(({ reads }) => (reads ?? []).map(([, inputId]) => inputId))})
           ), '{}') as inputs,
           coalesce((
             select json_object_agg(id, coalesce(name, image || ':' || image_tag))
               from plan
              where id = any (${all(({ planId }) => [planId])})
           ), '{}') as plans`
  return names ?? { tags: {}, outputs: {}, inputs: {}, plans: {} }
}

// What is known of a thing is read where the way passes it. Whatever else is looked up for a node is looked up by its id: joined
// otherwise, whole tables would be read for a few of them. Nodes are joined with each other, as all of them would be read for each where
// it is looked up whether one is among them.
function findNodes(
  sql: Queryable,
  id: string,
  { direction, depth, besides, limit, after }: LineageQuery,
): Promise<Node[]> {
  const dataThere = sql`false as is_run, data.ended_at as at, data.tags, data.output_id, data.run_id as made_by, null::uuid as plan_id`
  const runThere = sql`true, run.updated_at, null, null, null, run.plan_id`
  const read = sql`
    select data.id, run.status, ${dataThere}
      from assign
      join data on data.id = assign.knit_id
      join run on run.id = data.run_id
     where way.is_run
       and assign.run_id = way.id`
  const written = sql`
    select data.id, way.status, ${dataThere}
      from data
     where way.is_run
       and run_id = way.id`
  const made = sql`
    select run.id, run.status, ${runThere}
      from run
     where not way.is_run
       and run.id = way.made_by
     union all
    ${read}`
  const used = sql`
    select run.id, run.status, ${runThere}
      from assign
      join run on run.id = run_id
     where not way.is_run
       and knit_id = way.id
       and run.status <> 'invalidated'
     union all
    ${written}`
  const beside = sql`
     union all
    select distinct ${known(sql)}
      from (
        select it.* from up as way cross join lateral (${written}) as it
         union all
        select it.* from down as way cross join lateral (${read}) as it
      ) as side
     where not exists (select from up where up.id = side.id)
       and not exists (select from down where down.id = side.id)`
  return sql<Node[]>`
    with recursive start as (
      select data.id, run.status, ${dataThere}
        from data
        join run on run.id = data.run_id
       where data.id = ${id}
       union all
      select id, status, ${runThere}
        from run
       where id = ${id}
    ), up as (
      ${wayAlong(sql, sql`up`, made, direction !== 'down', depth)}
    ), down as (
      ${wayAlong(sql, sql`down`, used, direction !== 'up', depth)}
    ), node as materialized (
      select ${known(sql)} from start
       union all
      select ${onWay(sql, depth)} from up where id <> ${id}
       union all
      select ${onWay(sql, depth)} from down where id <> ${id}
      ${besides ? beside : sql``}
    ), page as materialized (
      select *
        from node
       where ${after === undefined ? sql`true` : sql`id > ${after}`}
       order by id
       limit ${limit + 1}
    ), assigned as materialized (
      select page.id, own.*
        from page
       cross join lateral (
         select knit_id, input_id
           from assign
          where run_id = page.id
         offset 0
       ) as own
       where page.is_run
    ), reading as (
      select assigned.id, json_agg(json_build_array(knit_id, input_id)) as reads
        from assigned
        join node on node.id = knit_id and not node.is_run
       group by assigned.id
    )
    select page.id,
           page.is_run as "isRun",
           page.status,
           page.at,
           page.tags,
           maker.id as maker,
           page.output_id as "outputId",
           page.plan_id as "planId",
           reads
      from page
      left join node as maker on maker.id = page.made_by and maker.is_run
      left join reading on reading.id = page.id
     order by page.id`
}

const known = (sql: Queryable): Fragment =>
  sql`id, status, is_run, at, tags, output_id, made_by, plan_id`

/** Nothing is both before and after something. */
const onWay = (sql: Queryable, depth: number | undefined): Fragment =>
  depth === undefined ? known(sql) : sql`distinct ${known(sql)}`

/** All nodes on a way, each once; with a depth once for each length of a way to it. */
const wayAlong = (
  sql: Queryable,
  name: Fragment,
  next: Fragment,
  isTaken: boolean,
  depth: number | undefined,
): Fragment => sql`
  select ${known(sql)}, 0 as hops from start where ${isTaken}
   union
  select next.*, ${depth === undefined ? sql`0` : sql`way.hops + 1`}
    from ${name} as way
   cross join lateral (${next}) as next
   where ${depth === undefined ? sql`true` : sql`way.hops < ${2 * depth}`}`
