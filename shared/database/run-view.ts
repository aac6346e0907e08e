import type { RunSummary } from '#shared/domain/run-summary.ts'
import type { FailureCause, RunAttempt, RunDetail } from '#shared/domain/run.ts'
import { reasonOf } from '#shared/domain/run-reason.ts'
import type { Place } from '#shared/domain/place.ts'
import type { RunStatus } from '#shared/domain/run-states.ts'
import { formatTime } from '#shared/domain/time.ts'
import type { IdSink } from './id-list.ts'
import { into, type Page } from './page.ts'
import { logPointOf, mountpointOf, mountsOfPlans, planSummaries } from './plan-view.ts'
import { isPutBack } from './runs.ts'
import type { Queryable } from './sql.ts'
import { inWindow, type TimeWindow } from './time-window.ts'

type RunRow = {
  id: string
  plan_id: string
  status: RunStatus
  attempt: number
  reason: string | null
  served: boolean
  putBack: boolean
  created_at: Date
  updated_at: Date
} & AttemptRow

type AttemptRow = {
  started_at: Date | null
  ended_at: Date | null
  exit_code: number | null
  exit_message: string | null
}

async function runRows(sql: Queryable, ids: Iterable<string>): Promise<RunRow[]> {
  return sql<RunRow[]>`
    select run.id, run.plan_id, run.status, run.attempt, run.reason, run.created_at, run.updated_at,
           coalesce(run.claimed_until > now(), false) as served,
           ${isPutBack(sql)} as "putBack",
           started_at, ended_at, exit_code, exit_message
      from run
      left join attempt on attempt.run_id = run.id and attempt.number = run.attempt
     where run.id = any (${[...new Set(ids)]}::uuid[])`
}

/** What is shown of runs beside other things, by id. */
export async function runSummaries(
  sql: Queryable,
  ids: Iterable<string>,
): Promise<Map<string, RunSummary>> {
  const rows = await runRows(sql, ids)
  const plans = await planSummaries(
    sql,
    rows.map((row) => row.plan_id),
  )
  return new Map(rows.map((row) => [row.id, summaryOf(row, plans)]))
}

function summaryOf(row: RunRow, plans: ReadonlyMap<string, RunSummary['plan']>): RunSummary {
  return {
    runId: row.id,
    status: row.status,
    updatedAt: formatTime(row.updated_at),
    ...exitOf(row),
    plan: plans.get(row.plan_id) ?? { planId: row.plan_id },
  }
}

const exitOf = ({ exit_code, exit_message }: AttemptRow) =>
  exit_code === null ? {} : { exit: { code: exit_code, message: exit_message ?? '' } }

const timesOf = ({ started_at, ended_at }: AttemptRow) => ({
  ...(started_at && { startedAt: formatTime(started_at) }),
  ...(ended_at && { endedAt: formatTime(ended_at) }),
})

/** The attempts of runs that there is something to tell of, each run's in order. */
export async function attemptsOf(
  sql: Queryable,
  runIds: Iterable<string>,
): Promise<Map<string, RunAttempt[]>> {
  const rows = await sql<
    (AttemptRow & {
      run_id: string
      number: number
      image: string | null
      variables: string[]
      cause: FailureCause | null
    })[]
  >`
    select run_id, number, image, started_at, ended_at, exit_code, exit_message, cause,
           array(select name from jsonb_object_keys(env) as name order by name) as variables
      from attempt
     where run_id = any (${[...runIds]}::uuid[])
       and (image is not null or exit_code is not null or env <> '{}')
     order by run_id, number`
  const shown = rows.map((row) => ({
    runId: row.run_id,
    attempt: {
      attempt: row.number,
      ...(row.image !== null && { image: row.image }),
      ...(row.variables.length > 0 && { variables: row.variables }),
      ...timesOf(row),
      ...exitOf(row),
      ...(row.cause && { cause: row.cause }),
    },
  }))
  const byRun = Map.groupBy(shown, ({ runId }) => runId)
  return new Map([...byRun].map(([runId, own]) => [runId, own.map(({ attempt }) => attempt)]))
}

type Fill = {
  runId: string
  kind: 'input' | 'output'
  mountId: number
  knitId: string
  bytes: string | null
}

/** Runs as the API shows them, in the order of the ids; what does not exist is left out. */
export async function showRuns(sql: Queryable, ids: readonly string[]): Promise<RunDetail[]> {
  if (ids.length === 0) return []
  const [rows, attempts, fills] = await Promise.all([
    runRows(sql, ids),
    attemptsOf(sql, ids),
    sql<Fill[]>`
      select run_id as "runId", 'input' as kind, input_id as "mountId", knit_id as "knitId", null as bytes
        from assign
       where run_id = any (${[...ids]}::uuid[])
       union all
      select run_id, 'output', output_id, id, bytes
        from data
       where run_id = any (${[...ids]}::uuid[])`,
  ])
  const planIds = rows.map((row) => row.plan_id)
  const [plans, mounts] = await Promise.all([
    planSummaries(sql, planIds),
    mountsOfPlans(sql, planIds),
  ])
  const knitIds = new Map(
    fills.map((fill) => [`${fill.runId} ${fill.kind} ${fill.mountId}`, fill.knitId]),
  )
  const fillsOf = Map.groupBy(fills, ({ runId }) => runId)
  const byPlan = Map.groupBy(mounts, ({ planId }) => planId)
  const shown = new Map(
    rows.map((row): [string, RunDetail] => {
      const filled = (byPlan.get(row.plan_id) ?? []).map((mount) => ({
        ...mount,
        data: { knitId: knitIds.get(`${row.id} ${mount.kind} ${mount.id}`) ?? '' },
      }))
      const log = filled.find(({ kind, path }) => kind === 'output' && path === null)
      const mounted = (kind: 'input' | 'output') =>
        filled
          .filter((mount) => mount.kind === kind && mount.path !== null)
          .map((mount) => ({ ...mountpointOf(mount), ...mount.data }))
      return [
        row.id,
        {
          ...summaryOf(row, plans),
          inputs: mounted('input'),
          outputs: mounted('output'),
          log: log ? { ...logPointOf(log), ...log.data } : null,
          ...progressOf(row),
          attempts: attempts.get(row.id) ?? [],
          ...bytesOf(fillsOf.get(row.id) ?? []),
        },
      ]
    }),
  )
  return ids.flatMap((id) => shown.get(id) ?? [])
}

/** The room that all of it takes which is known. */
function bytesOf(fills: readonly Fill[]): Pick<RunDetail, 'bytes'> {
  const known = fills.flatMap(({ bytes }) => (bytes === null ? [] : [Number(bytes)]))
  return known.length > 0 ? { bytes: known.reduce((sum, one) => sum + one) } : {}
}

function progressOf(row: RunRow) {
  const { exit } = exitOf(row)
  const reason = reasonOf({ ...row, told: row.reason ?? undefined, exit })
  return {
    ...(reason !== undefined && { reason }),
    attempt: row.attempt,
    createdAt: formatTime(row.created_at),
    ...timesOf(row),
  }
}

export type RunFilter = TimeWindow & {
  planIds?: readonly string[] | undefined
  inputIds?: readonly string[] | undefined
  outputIds?: readonly string[] | undefined
  statuses?: readonly RunStatus[] | undefined
}

/** Where a run stands in the list of all. */
export async function findRunPlace(sql: Queryable, id: string): Promise<Place | undefined> {
  const [place] = await sql<Place[]>`
    select id, updated_at as at from run where id = ${id}`
  return place
}

/**
 * Ids of runs, the last updated last; with a page it is the other way round, and no more than that page. `found` is what they are
 * put into.
 */
export async function findRunIds<Found extends IdSink = string[]>(
  sql: Queryable,
  filter: RunFilter,
  page?: Page,
  found = [] as IdSink as Found,
): Promise<NoInfer<Found>> {
  const { planIds, inputIds, outputIds, statuses } = filter
  const rows = sql<{ id: string; at?: Date }[]>`
    select id ${page ? sql`, updated_at as at` : sql``}
      from run
     where ${planIds ? sql`plan_id = any (${[...planIds]}::uuid[])` : sql`true`}
       and ${inputIds ? sql`id in (select run_id from assign where knit_id = any (${[...inputIds]}::uuid[]))` : sql`true`}
       and ${outputIds ? sql`id in (select run_id from data where id = any (${[...outputIds]}::uuid[]))` : sql`true`}
       and ${statuses ? sql`status = any (${[...statuses]}::text[])` : sql`true`}
       and ${inWindow(sql, sql`updated_at`, filter)}
       and ${page?.after ? sql`(updated_at, id) < (${page.after.at}::timestamptz, ${page.after.id}::uuid)` : sql`true`}
     ${page ? sql`order by updated_at desc, id desc limit ${page.limit}` : sql`order by updated_at, id`}`
  await rows.forEach(into(found, page))
  return found
}

/** What reading a log needs to know of a run. */
export type RunLog = { status: RunStatus; attempt: number; logId: string | null }

export async function findRunLog(sql: Queryable, runId: string): Promise<RunLog | undefined> {
  const [row] = await sql<RunLog[]>`
    select run.status,
           run.attempt,
           (
             select data.id
               from data
               join output on output.id = data.output_id
              where data.run_id = run.id
                and output.path is null
           ) as "logId"
      from run
     where run.id = ${runId}`
  return row
}
