import { runs } from '#shared/contracts/runs.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { noRun, showRunsNow } from '#shared/runtime/show.ts'

export default defineRoute(
  runs.show,
  async ({ params: { runId } }, ctx) => {
    const [run] = await showRunsNow(ctx, [runId])
    return run ?? noRun(runId)
  },
  { minScale: 1 },
)
