import { runs } from '#shared/contracts/runs.ts'
import { isId } from '#shared/domain/ids.ts'
import { findRunIds, showRuns } from '#shared/database/run-view.ts'
import { checkWindow } from '#shared/runtime/check-window.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'

export default defineRoute(
  runs.find,
  async ({ query }, { sql }) => {
    checkWindow(query)
    const ids = await findRunIds(sql, {
      // What cannot be an id names nothing, so it finds nothing.
      planIds: query.plan?.filter(isId),
      inputIds: query.knitIdInput?.filter(isId),
      outputIds: query.knitIdOutput?.filter(isId),
      statuses: query.status,
      since: query.since,
      duration: query.duration,
    })
    return showRuns(sql, ids)
  },
  { minScale: 1 },
)
