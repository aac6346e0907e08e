import { plans } from '#shared/contracts/plans.ts'
import { Problem } from '#shared/contracts/problems.ts'
import { setPlanResources } from '#shared/database/plans.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { planOrProblem } from '#shared/runtime/show.ts'

export default defineRoute(plans.resource, async ({ params: { planId }, body: change }, ctx) =>
  ctx.once(async (tx) => {
    const { maxPlanBytes } = ctx.config
    const bytes = await setPlanResources(tx, planId, change, maxPlanBytes, ctx.by)
    if (bytes !== undefined)
      throw new Problem(
        'too-large',
        `The resources of the plan would have ${bytes} bytes; the limit (maxPlanBytes) is ${maxPlanBytes}. Unset some first.`,
      )
    return planOrProblem(tx, planId)
  }),
)
