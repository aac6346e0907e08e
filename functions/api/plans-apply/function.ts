import { plans } from '#shared/contracts/plans.ts'
import { Problem } from '#shared/contracts/problems.ts'
import { definePlan, type PlanDetail } from '#shared/domain/plan.ts'
import { registerPlan, type Registration } from '#shared/database/plans.ts'
import type { Tx } from '#shared/database/sql.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { planOrProblem } from '#shared/runtime/show.ts'

export default defineRoute(plans.apply, async ({ body }, ctx) => {
  const definition = definePlan(body, ctx.config)
  return ctx.once(async (tx) => show(tx, await registerPlan(tx, definition, ctx.by)))
})

async function show(tx: Tx, registration: Registration): Promise<PlanDetail> {
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
  return planOrProblem(tx, registration.planId)
}
