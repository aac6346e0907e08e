import { plans } from '#shared/contracts/plans.ts'
import { setPlanAccount } from '#shared/database/plans.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { planOrProblem } from '#shared/runtime/show.ts'

export default defineRoute(plans.unsetaccount, async ({ params: { planId } }, ctx) =>
  ctx.once(async (tx) => {
    await setPlanAccount(tx, planId, null)
    return planOrProblem(tx, planId)
  }),
)
