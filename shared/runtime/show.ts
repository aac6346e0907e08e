import { Problem } from '#shared/contracts/problems.ts'
import type { DataDetail } from '#shared/domain/data.ts'
import type { PlanDetail } from '#shared/domain/plan.ts'
import type { RunDetail } from '#shared/domain/run.ts'
import { readersOf } from '#shared/database/data-uses.ts'
import { showData, type ShownData } from '#shared/database/data-view.ts'
import { showPlans } from '#shared/database/plan-view.ts'
import { explainWaits } from '#shared/domain/waits.ts'
import { inOneLine } from '#shared/domain/run-reason.ts'
import { readQueues } from '#shared/database/admission.ts'
import { showRuns } from '#shared/database/run-view.ts'
import type { Queryable } from '#shared/database/sql.ts'
import type { Context } from './context.ts'
import type { Long } from './long-list.ts'

/** A plan as it is shown. Throws `plan-not-found`. */
export async function planOrProblem(sql: Queryable, planId: string): Promise<PlanDetail> {
  const [plan] = await showPlans(sql, [planId])
  return plan ?? noPlan(planId)
}

export function noPlan(planId: string): never {
  throw new Problem('plan-not-found', `No plan has the id ${planId}.`)
}

/** A run as it is shown. Throws `run-not-found`. */
export async function runOrProblem(sql: Queryable, runId: string): Promise<RunDetail> {
  const [run] = await showRuns(sql, [runId])
  return run ?? noRun(runId)
}

export function noRun(runId: string): never {
  throw new Problem('run-not-found', `No run has the id ${runId}.`)
}

/**
 * Runs as they are shown, in the order of the ids; those that wait with what they wait for just now. Nobody writes that down:
 * it changes with every run that begins or ends.
 */
export async function showRunsNow(
  { sql, cluster, config }: Pick<Context, 'sql' | 'cluster' | 'config'>,
  ids: readonly string[],
): Promise<RunDetail[]> {
  const runs = await showRuns(sql, ids)
  const waiting = runs.flatMap(({ runId, status }) => (status === 'waiting' ? [runId] : []))
  if (waiting.length === 0) return runs
  // A cluster that is away keeps nobody from reading.
  const capacity = await cluster.capacity().catch(() => undefined)
  if (!capacity) return runs
  const queues = await readQueues(sql, waiting)
  const explain = explainWaits(queues, capacity, config.liveRuns)
  const waits = new Map(
    queues.flatMap(({ asked, putBack: all }, own) =>
      Object.entries(asked).map(([runId, before]) => {
        const putBack = all.includes(runId)
        return [runId, { putBack, wait: explain({ own, before, putBack }) }]
      }),
    ),
  )
  return runs.map((run) => {
    const { wait, putBack } = waits.get(run.runId) ?? {}
    // What put it back is no news while it waits for room: it is asked again when there is some.
    const reason = putBack ? (wait ?? run.reason) : inOneLine(wait, run.reason)
    return reason === undefined ? run : { ...run, reason }
  })
}

/** A data as it is shown, without what reads it where that is very much. Throws `data-not-found`. */
export async function dataOrProblem(sql: Queryable, knitId: string): Promise<ShownData> {
  const [shown] = await showData(sql, [knitId])
  if (!shown) throw new Problem('data-not-found', `No data has the id ${knitId}.`)
  return shown
}

/** A data that has just come about: nothing reads it yet. */
export const newDataOrProblem = async (sql: Queryable, knitId: string): Promise<DataDetail> => ({
  ...(await dataOrProblem(sql, knitId)),
  downstreams: [],
})

/** A data with all that reads it, however much that is. */
export const withReaders = (sql: Queryable, data: ShownData): Long<DataDetail> => ({
  ...data,
  downstreams: data.downstreams ?? readersOf(sql, data.knitId),
})
