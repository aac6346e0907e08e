import { plans } from '#shared/contracts/plans.ts'
import { Problem } from '#shared/contracts/problems.ts'
import { definePlan } from '#shared/domain/plan.ts'
import { registerPlan } from '#shared/database/plans.ts'
import { showPlans } from '#shared/database/plan-view.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'

export default defineRoute(plans.apply, async ({ body }, ctx) => {
  const definition = definePlan(body, ctx.config)
  const registration = await registerPlan(ctx.sql, definition, ctx.by)
  ctx.relay.wake()
  if ('equivalent' in registration)
    throw new Problem(
      'plan-equivalent',
      `The plan ${registration.equivalent} is equivalent; use it, or change what makes them equal.`,
    )
  if ('cycle' in registration)
    throw new Problem(
      'plan-cycle',
      registration.cycle.length === 0
        ? 'An output of the plan has all the tags one of its own inputs asks for, so it would run for ever.'
        : `The outputs of the plan would come back to its own inputs through the plan ${registration.cycle.join(', ')}.`,
    )
  const [shown] = await showPlans(ctx.sql, [registration.planId])
  if (!shown)
    throw new Error(`the plan ${registration.planId} is not there after it was registered`)
  return shown
})
