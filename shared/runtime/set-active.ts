import { Problem } from '#shared/contracts/problems.ts'
import type { PlanDetail } from '#shared/domain/plan.ts'
import { setPlanActive } from '#shared/database/plans.ts'
import type { Context } from './context.ts'
import { planOrProblem } from './show.ts'

/** Activates or deactivates a plan and shows it. Throws `plan-not-found`, also for built-in plans. */
export async function setActive(
  ctx: Context,
  planId: string,
  active: boolean,
): Promise<PlanDetail> {
  if (!(await setPlanActive(ctx.sql, planId, active, ctx.by)))
    throw new Problem('plan-not-found', `No plan that can be (de)activated has the id ${planId}.`)
  ctx.relay.wake()
  return planOrProblem(ctx.sql, planId)
}
