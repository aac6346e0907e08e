import type { DataDetail } from '#shared/domain/data.ts'
import { IdList } from './id-list.ts'
import { mountpointOf, mountsOfPlans } from './plan-view.ts'
import { runSummaries } from './run-view.ts'
import type { Fragment, Queryable } from './sql.ts'

/** A run that reads a data, and where. */
export type Downstream = DataDetail['downstreams'][number]

/** A data is read on an input, or, without a run, fits it. */
export type Use = { knitId: string; planId: string; inputId: number; runId: string | null }

// A kilobyte or two each, by the time they are shown.
/** So many uses of data are held at a time. */
export const mostHeld = 10_000

// Few enough that each is looked up, also where there are not many more.
const readersAtOnce = 250

/** What reads data, by run, and what they fit; undefined when that is more than is held at a time. */
export async function findUses(sql: Queryable, ids: readonly string[]): Promise<Use[] | undefined> {
  const uses = await sql<Use[]>`
    ${readsOf(sql, sql`knit_id = any (${[...ids]}::uuid[])`)}
     union all
    ${fitsOf(sql, ids)}
     limit ${mostHeld + 1}`
  return uses.length > mostHeld ? undefined : uses.toSorted(inOrder)
}

/** What a data fits, alone. */
export async function findFits(sql: Queryable, knitId: string): Promise<Use[]> {
  const fits = await sql<Use[]>`${fitsOf(sql, [knitId])}`
  return fits.toSorted(inOrder)
}

/**
 * Every run that reads a data, in order, page by page, for data that more read than are held. Of what is to come there are only
 * the ids.
 */
export async function* readersOf(
  sql: Queryable,
  knitId: string,
): AsyncGenerator<Downstream[], void> {
  const runIds = new IdList(readersAtOnce)
  await sql<{ id: string }[]>`
    select distinct run_id as id
      from assign
      join run on run.id = run_id
     where knit_id = ${knitId}
       and run.status <> 'invalidated'
     order by run_id`.forEach(({ id }) => runIds.push(id))
  for (const page of runIds.pages()) yield await downstreamsOf(sql, knitId, page)
}

async function downstreamsOf(
  sql: Queryable,
  knitId: string,
  runIds: readonly string[],
): Promise<Downstream[]> {
  const uses = await sql<Use[]>`
    ${readsOf(sql, sql`run_id = any (${[...runIds]}::uuid[]) and knit_id = ${knitId}`)}`
  const [runs, mounts] = await Promise.all([
    runSummaries(sql, runIds),
    mountsOfPlans(
      sql,
      uses.map(({ planId }) => planId),
    ),
  ])
  const inputs = new Map(
    mounts.flatMap((it) => (it.kind === 'input' ? [[it.id, it] as const] : [])),
  )
  return uses.toSorted(inOrder).flatMap(({ runId, inputId }) => {
    const [run, mount] = [runs.get(runId ?? ''), inputs.get(inputId)]
    return run && mount ? [{ mountpoint: mountpointOf(mount), run }] : []
  })
}

/** Runs that were deleted read nothing. */
const readsOf = (sql: Queryable, condition: Fragment): Fragment => sql`
  select knit_id as "knitId", assign.plan_id as "planId", input_id as "inputId", run_id as "runId"
    from assign
    join run on run.id = run_id
   where ${condition}
     and run.status <> 'invalidated'`

const fitsOf = (sql: Queryable, ids: readonly string[]): Fragment => sql`
  select knit_id as "knitId", plan_id as "planId", input_id as "inputId", null::uuid as "runId"
    from nomination
   where knit_id = any (${[...ids]}::uuid[])`

/** By run, those without one last, and then by plan and input. Here, as the database would sort all to give back some. */
const inOrder = (a: Use, b: Use): number =>
  compared(a.runId ?? '~', b.runId ?? '~') || compared(a.planId, b.planId) || a.inputId - b.inputId

const compared = (a: string, b: string): number => (a < b ? -1 : Number(a > b))
