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
  tags: [key: string, value: string][] | null
  /** What made a data, if that is among the nodes, and where it was mounted. */
  maker: string | null
  path: string | null
  planId: string | null
  plan: string | null
  /** What a run reads of the nodes, and where that is mounted. */
  reads: [knitId: string, path: string][] | null
}

/**
 * Everything that a data or a run came from or that came of it, by id, with the edges that lead to each. One statement, however
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
  return {
    id,
    data: page.flatMap((node) => (node.isRun ? [] : [showData(node)])),
    runs: page.flatMap((node) => (node.isRun ? [showRun(node)] : [])),
    edges: page.flatMap(edgesTo),
    ...(last && { after: last.id }),
  }
}

function showData({ id, tags, status, at }: Node): Lineage['data'][number] {
  const { data } = runStates[status]
  const shown = shownTags({
    knitId: id,
    tags: (tags ?? []).map(([key, value]): Tag => ({ key, value })),
    timestamp: at ?? undefined,
    transient: data === 'ready' ? undefined : data,
  })
  return { knitId: id, tags: showTags(shown) }
}

const showRun = ({ id, status, at, planId, plan }: Node): Lineage['runs'][number] => ({
  runId: id,
  status,
  updatedAt: at ? formatTime(at) : '',
  planId: planId ?? '',
  plan: plan ?? '',
})

const edgesTo = ({ id, maker, path, reads }: Node): Lineage['edges'] => [
  ...(maker === null ? [] : [{ from: maker, to: id, ...(path !== null && { path }) }]),
  ...(reads ?? []).map(([from, path]) => ({ from, to: id, path })),
]

// Whatever is looked up for a node is looked up by its id: joined otherwise, whole tables would be read for a few of them. Nodes
// are joined with each other, as all of them would be read for each where it is looked up whether one is among them.
function findNodes(
  sql: Queryable,
  id: string,
  { direction, depth, limit, after }: LineageQuery,
): Promise<Node[]> {
  const made = sql`
    select run_id as id from data where not way.is_run and data.id = way.id
     union all
    select knit_id from assign where way.is_run and run_id = way.id`
  const used = sql`
    select run_id as id
      from assign
      join run on run.id = run_id
     where not way.is_run
       and knit_id = way.id
       and run.status <> 'invalidated'
     union all
    select data.id from data where way.is_run and run_id = way.id`
  return sql<Node[]>`
    with recursive start as (
      select id, false as is_run from data where id = ${id}
       union all
      select id, true from run where id = ${id}
    ), up as (
      ${wayAlong(sql, sql`up`, made, direction !== 'down', depth)}
    ), down as (
      ${wayAlong(sql, sql`down`, used, direction !== 'up', depth)}
    ), node as materialized (
      select id, is_run from start
       union
      select id, is_run from up
       union
      select id, is_run from down
    ), page as materialized (
      select id, is_run
        from node
       where ${after === undefined ? sql`true` : sql`id > ${after}`}
       order by id
       limit ${limit + 1}
    ), thing as materialized (
      select page.id, page.is_run, own.*
        from page
       cross join lateral (
         select run.status,
                data.ended_at as at,
                (select json_agg(json_build_array(key, value)) from tag where id = any (data.tags)) as tags,
                run.id as made_by,
                output.path,
                null::uuid as plan_id,
                null as plan
           from data
           join run on run.id = data.run_id
           join output on output.id = data.output_id
          where not page.is_run
            and data.id = page.id
          union all
         select run.status,
                run.updated_at,
                null,
                null,
                null,
                plan.id,
                coalesce(plan.name, plan.image || ':' || plan.image_tag)
           from run
           join plan on plan.id = run.plan_id
          where page.is_run
            and run.id = page.id
       ) as own
    ), assigned as materialized (
      select page.id, own.*
        from page
       cross join lateral (
         select assign.knit_id, input.path, input.position
           from assign
           join input on input.id = input_id
          where run_id = page.id
         offset 0
       ) as own
       where page.is_run
    ), reading as (
      select assigned.id, json_agg(json_build_array(knit_id, path) order by position) as reads
        from assigned
        join node on node.id = knit_id and not node.is_run
       group by assigned.id
    )
    select thing.id,
           thing.is_run as "isRun",
           status,
           at,
           tags,
           maker.id as maker,
           path,
           plan_id as "planId",
           plan,
           reads
      from thing
      left join node as maker on maker.id = made_by and maker.is_run
      left join reading on reading.id = thing.id
     order by thing.id`
}

/** All nodes on a way, each once; with a depth once for each length of a way to it. */
const wayAlong = (
  sql: Queryable,
  name: Fragment,
  next: Fragment,
  isTaken: boolean,
  depth: number | undefined,
): Fragment => sql`
  select id, is_run, 0 as hops from start where ${isTaken}
   union
  select next.id, not way.is_run, ${depth === undefined ? sql`0` : sql`way.hops + 1`}
    from ${name} as way
   cross join lateral (${next}) as next
   where ${depth === undefined ? sql`true` : sql`way.hops < ${2 * depth}`}`
