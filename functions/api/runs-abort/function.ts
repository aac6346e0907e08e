import { runs } from '#shared/contracts/runs.ts'
import { stopRun } from '#shared/database/user-moves.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { checkMoved } from '#shared/runtime/move-by-user.ts'
import { runOrProblem } from '#shared/runtime/show.ts'

export default defineRoute(runs.abort, async ({ params: { runId } }, ctx) =>
  ctx.once(async (tx) => {
    checkMoved(runId, 'aborted', await stopRun(tx, runId, 'aborting', ctx.by))
    return runOrProblem(tx, runId)
  }),
)
