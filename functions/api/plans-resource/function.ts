import { plans } from '#shared/contracts/plans.ts'
import { setPlanResources } from '#shared/database/plans.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { planOrProblem } from '#shared/runtime/show.ts'

export default defineRoute(plans.resource, async ({ params: { planId }, body: change }, ctx) =>
  ctx.once(async (tx) => {
    await setPlanResources(tx, planId, change, ctx.by)
    return planOrProblem(tx, planId)
  }),
)
