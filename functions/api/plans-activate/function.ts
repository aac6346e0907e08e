import { plans } from '#shared/contracts/plans.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { setActive } from '#shared/runtime/set-active.ts'

export default defineRoute(plans.activate, async ({ params: { planId }, query: { allow } }, ctx) =>
  setActive(ctx, planId, true, allow),
)
