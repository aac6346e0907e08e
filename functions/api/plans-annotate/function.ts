import { plans } from '#shared/contracts/plans.ts'
import { Problem } from '#shared/contracts/problems.ts'
import { annotatePlan } from '#shared/database/plans.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { planOrProblem } from '#shared/runtime/show.ts'

export default defineRoute(plans.annotate, async ({ params: { planId }, body: change }, ctx) =>
  ctx.once(async (tx) => {
    const { maxPlanBytes } = ctx.config
    const bytes = await annotatePlan(tx, planId, change, maxPlanBytes)
    if (bytes !== undefined)
      throw new Problem(
        'too-large',
        `The annotations of the plan would have ${bytes} bytes; the limit (maxPlanBytes) is ${maxPlanBytes}. Remove some first.`,
      )
    return planOrProblem(tx, planId)
  }),
)
