import { fitsNow, whyOf, type Explanation, type Match } from '#shared/domain/explain.ts'
import type { RunStatus } from '#shared/domain/run-states.ts'
import { formatTag, shownMountTags } from '#shared/domain/tag.ts'
import type { Queryable } from './sql.ts'
import { pickTags, tagsById } from './tags.ts'

type Pair = {
  knitId: string
  inputId: number
  path: string
  status: RunStatus
  /** Of the tags that the input asks for those that the data has not. */
  lacks: number[]
  /** What the input asks of the system, where that is something else than what the data is. */
  otherId: string | null
  otherTime: Date | null
  isMatching: boolean
  due: boolean | null
  lacking: string[]
}

const mostRuns = 100

/** Each data against each input of a plan: whether it fits, what is missing, and which runs have read it there. */
export async function explainMatches(
  sql: Queryable,
  planId: string,
  knitIds: readonly string[],
): Promise<Explanation['data']> {
  const [pairs, uses] = await Promise.all([
    pairsOf(sql, planId, knitIds),
    usesOf(sql, planId, knitIds),
  ])
  const byId = await tagsById(
    sql,
    pairs.flatMap(({ lacks }) => lacks),
  )
  const runsOf = Map.groupBy(uses, ({ knitId, inputId }) => `${knitId} ${inputId}`)
  const explained = pairs.map((pair) => {
    const { knitId, inputId, path, lacks, otherId, otherTime, due, ...known } = pair
    const asked = { knitId: otherId ?? undefined, timestamp: otherTime ?? undefined }
    const missing = shownMountTags({ tags: pickTags(byId, lacks), ...asked }).map(formatTag)
    const used = (runsOf.get(`${knitId} ${inputId}`) ?? []).slice(0, mostRuns)
    const runs = used.map(({ runId, status }) => ({ runId, status }))
    const match: Match = { ...known, missing, runs, isNominated: due !== null, isDue: due === true }
    return { knitId, input: { path, fits: fitsNow(match), missing, runs, reasons: whyOf(match) } }
  })
  return [...Map.groupBy(explained, ({ knitId }) => knitId)].map(([knitId, own]) => ({
    knitId,
    inputs: own.map(({ input }) => input),
  }))
}

const pairsOf = (sql: Queryable, planId: string, knitIds: readonly string[]) => sql<Pair[]>`
  select data.id as "knitId",
         input.id as "inputId",
         input.path,
         run.status,
         array(select unnest(input.tags) except select unnest(data.tags)) as lacks,
         case when input.knit_id <> data.id then input.knit_id end as "otherId",
         case
           when input.knit_timestamp is distinct from data.ended_at then input.knit_timestamp
         end as "otherTime",
         exists (select from match_task where knit_id = data.id)
         or exists (select from match_task where plan_id = ${planId}) as "isMatching",
         (
           select due from nomination where input_id = input.id and knit_id = data.id
         ) as due,
         array(
           select other.path
             from input as other
            where other.plan_id = input.plan_id
              and other.id <> input.id
              and not exists (select from nomination where input_id = other.id)
            order by other.position
         ) as lacking
    from data
    join run on run.id = data.run_id
   cross join input
   where data.id = any (${[...knitIds]}::uuid[])
     and input.plan_id = ${planId}
   order by data.id, input.position`

type Use = { knitId: string; inputId: number; runId: string; status: RunStatus }

const usesOf = (sql: Queryable, planId: string, knitIds: readonly string[]) => sql<Use[]>`
  select knit_id as "knitId", input_id as "inputId", run_id as "runId", status
    from assign
    join run on run.id = run_id
   where knit_id = any (${[...knitIds]}::uuid[])
     and assign.plan_id = ${planId}
   order by run_id
   limit 10000`

/** What a run has written. */
export async function outputsOf(sql: Queryable, runId: string): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`
    select id from data where run_id = ${runId} order by output_id`
  return rows.map(({ id }) => id)
}
