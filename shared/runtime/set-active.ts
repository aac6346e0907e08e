import { Problem } from '#shared/contracts/problems.ts'
import type { PlanDetail } from '#shared/domain/plan.ts'
import { setPlanActive } from '#shared/database/plans.ts'
import type { RouteContext } from './define-route.ts'
import { planOrProblem } from './show.ts'

/** Activates or deactivates a plan and shows it. Throws `plan-not-found`, also for built-in plans. */
export async function setActive(
  ctx: RouteContext,
  planId: string,
  active: boolean,
  allow?: number,
): Promise<PlanDetail> {
  return ctx.once(async (tx) => {
    if (!(await setPlanActive(tx, planId, active, ctx.by, allow)))
      throw new Problem('plan-not-found', `No plan that can be (de)activated has the id ${planId}.`)
    return planOrProblem(tx, planId)
  })
}
