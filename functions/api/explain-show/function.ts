import { explain } from '#shared/contracts/explain.ts'
import { Problem } from '#shared/contracts/problems.ts'
import { whyOfPlan, type Explanation } from '#shared/domain/explain.ts'
import { runStates } from '#shared/domain/run-states.ts'
import { explainMatches, outputsOf } from '#shared/database/explain.ts'
import type { Context } from '#shared/runtime/context.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { dataOrProblem, noRun, planOrProblem, showRunsNow } from '#shared/runtime/show.ts'

export default defineRoute(explain.show, async ({ query: { plan: planId, data, run } }, ctx) => {
  if ((data === undefined) === (run === undefined))
    throw new Problem('bad-request', 'Name what is to be explained: either "data" or "run".')
  const plan = await planOrProblem(ctx.sql, planId)
  const about = { planId, reasons: whyOfPlan({ ...plan, paused: plan.paused !== undefined }) }
  if (run !== undefined) return explainRun(ctx, about, run)
  const { knitId } = await dataOrProblem(ctx.sql, data ?? '')
  return { ...about, data: await explainMatches(ctx.sql, planId, [knitId]) }
})

/** Of a run of the plan where it is and what it waits for; of another one what became of what it has written. */
async function explainRun(
  ctx: Context,
  about: Pick<Explanation, 'planId' | 'reasons'>,
  runId: string,
): Promise<Explanation> {
  const [run] = await showRunsNow(ctx, [runId])
  if (!run) return noRun(runId)
  const { status, reason, inputs } = run
  const isOfPlan = run.plan.planId === about.planId
  const knitIds = isOfPlan
    ? inputs.map(({ knitId }) => knitId).filter(Boolean)
    : await outputsOf(ctx.sql, runId)
  return {
    planId: about.planId,
    data: await explainMatches(ctx.sql, about.planId, knitIds),
    ...(isOfPlan && { run: { runId, status } }),
    reasons: [
      ...about.reasons,
      ...(isOfPlan ? [`the run is ${status}: ${runStates[status].summary}`] : []),
      ...(isOfPlan && reason !== undefined ? [reason] : []),
    ],
  }
}
