import { Problem } from '#shared/contracts/problems.ts'
import type { DataDetail } from '#shared/domain/data.ts'
import type { PlanDetail } from '#shared/domain/plan.ts'
import type { RunDetail } from '#shared/domain/run.ts'
import { showData } from '#shared/database/data-view.ts'
import { showPlans } from '#shared/database/plan-view.ts'
import { showRuns } from '#shared/database/run-view.ts'
import type { Queryable } from '#shared/database/sql.ts'

/** A plan as it is shown. Throws `plan-not-found`. */
export async function planOrProblem(sql: Queryable, planId: string): Promise<PlanDetail> {
  const [plan] = await showPlans(sql, [planId])
  if (!plan) throw new Problem('plan-not-found', `No plan has the id ${planId}.`)
  return plan
}

/** A run as it is shown. Throws `run-not-found`. */
export async function runOrProblem(sql: Queryable, runId: string): Promise<RunDetail> {
  const [run] = await showRuns(sql, [runId])
  if (!run) throw new Problem('run-not-found', `No run has the id ${runId}.`)
  return run
}

/** A data as it is shown. Throws `data-not-found`. */
export async function dataOrProblem(sql: Queryable, knitId: string): Promise<DataDetail> {
  const [shown] = await showData(sql, [knitId])
  if (!shown) throw new Problem('data-not-found', `No data has the id ${knitId}.`)
  return shown
}
