import { runs } from '#shared/contracts/runs.ts'
import { deleteRun } from '#shared/database/user-moves.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { checkMoved } from '#shared/runtime/move-by-user.ts'

export default defineRoute(runs.delete, async ({ params: { runId } }, ctx) =>
  ctx.once(async (tx) => checkMoved(runId, 'deleted', await deleteRun(tx, runId, ctx.by))),
)
