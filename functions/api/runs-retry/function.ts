import { runs } from '#shared/contracts/runs.ts'
import { retryRun } from '#shared/database/user-moves.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { checkMoved } from '#shared/runtime/move-by-user.ts'

export default defineRoute(runs.retry, async ({ params: { runId } }, ctx) =>
  ctx.once(async (tx) => checkMoved(runId, 'retried', await retryRun(tx, runId, ctx.by))),
)
