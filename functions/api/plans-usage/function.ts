import { plans } from '#shared/contracts/plans.ts'
import { planUsage } from '#shared/database/plan-view.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { noPlan } from '#shared/runtime/show.ts'

export default defineRoute(
  plans.usage,
  async ({ params: { planId } }, { sql }) => (await planUsage(sql, planId)) ?? noPlan(planId),
)
