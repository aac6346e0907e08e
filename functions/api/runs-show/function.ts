import { runs } from '#shared/contracts/runs.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { runOrProblem } from '#shared/runtime/show.ts'

export default defineRoute(
  runs.show,
  async ({ params: { runId } }, { sql }) => runOrProblem(sql, runId),
  { minScale: 1 },
)
