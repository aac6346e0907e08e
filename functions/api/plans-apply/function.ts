import { plans } from '#shared/contracts/plans.ts'
import { Problem } from '#shared/contracts/problems.ts'
import { definePlan, type PlanDefinition, type PlanDetail } from '#shared/domain/plan.ts'
import { registerPlan, type Registration } from '#shared/database/plans.ts'
import { previewDefinition } from '#shared/database/preview.ts'
import { undone, type Tx } from '#shared/database/sql.ts'
import type { Context } from '#shared/runtime/context.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { planOrProblem } from '#shared/runtime/show.ts'

export default defineRoute(plans.apply, async ({ body, query: { dryRun } }, ctx) => {
  const definition = definePlan(body, ctx.config)
  if (dryRun !== undefined) return tryOut(ctx, definition)
  return ctx.once(async (tx) => show(tx, await registerPlan(tx, definition, ctx.by)))
})

/** What would be shown if the plan were registered, and what it would start. Whatever stands against it is told as it would be. */
async function tryOut({ sql, by }: Context, definition: PlanDefinition): Promise<PlanDetail> {
  const shown = await undone(sql, async (tx) => show(tx, await registerPlan(tx, definition, by)))
  return { ...shown, dryRun: await previewDefinition(sql, definition) }
}

async function show(tx: Tx, registration: Registration): Promise<PlanDetail> {
  if ('equivalent' in registration)
    throw new Problem(
      'plan-equivalent',
      `The plan ${registration.equivalent} is equivalent; use it, or change what makes them equal.`,
    )
  if ('cycle' in registration)
    throw new Problem('plan-cycle', `${circle(registration.cycle)} ${mend}`)
  return planOrProblem(tx, registration.planId)
}

const circle = (plans: readonly string[]): string =>
  plans.length === 0
    ? 'An output of the plan has all the tags that one of its own inputs asks for, so it would run for ever.'
    : `What the plan writes would come back to its own inputs, for ever, through the plan ${plans.join(', then ')}.`

const mend =
  'Let the input ask for a tag that is put on data by hand, or the output put one tag less.'
