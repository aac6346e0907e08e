import { runs } from '#shared/contracts/runs.ts'
import { isId } from '#shared/domain/ids.ts'
import { findRunIds } from '#shared/database/run-view.ts'
import { checkWindow } from '#shared/runtime/check-window.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { showRunsNow } from '#shared/runtime/show.ts'

export default defineRoute(
  runs.find,
  async ({ query }, ctx) => {
    checkWindow(query)
    const ids = await findRunIds(ctx.sql, {
      // What cannot be an id names nothing, so it finds nothing.
      planIds: query.plan?.filter(isId),
      inputIds: query.knitIdInput?.filter(isId),
      outputIds: query.knitIdOutput?.filter(isId),
      statuses: query.status,
      since: query.since,
      duration: query.duration,
    })
    return showRunsNow(ctx, ids)
  },
  { minScale: 1 },
)
