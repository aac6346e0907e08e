import { plans } from '#shared/contracts/plans.ts'
import { checkedServiceAccount } from '#shared/domain/plan.ts'
import { setPlanAccount } from '#shared/database/plans.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { planOrProblem } from '#shared/runtime/show.ts'

export default defineRoute(plans.setaccount, async ({ params: { planId }, body }, ctx) => {
  const account = body?.service_account ? checkedServiceAccount(body.service_account) : null
  return ctx.once(async (tx) => {
    await setPlanAccount(tx, planId, account)
    return planOrProblem(tx, planId)
  })
})
