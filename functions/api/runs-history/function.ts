import { runs } from '#shared/contracts/runs.ts'
import { showHistory } from '#shared/database/run-history.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { noRun } from '#shared/runtime/show.ts'

export default defineRoute(
  runs.history,
  async ({ params: { runId } }, { sql }) => (await showHistory(sql, runId)) ?? noRun(runId),
)
