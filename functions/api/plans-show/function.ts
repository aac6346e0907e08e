import { plans } from '#shared/contracts/plans.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { planOrProblem } from '#shared/runtime/show.ts'

export default defineRoute(
  plans.show,
  async ({ params: { planId } }, { sql }) => planOrProblem(sql, planId),
  { minScale: 1 },
)
