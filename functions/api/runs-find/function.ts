import { runs } from '#shared/contracts/runs.ts'
import { isId } from '#shared/domain/ids.ts'
import { findRunIds, findRunPlace } from '#shared/database/run-view.ts'
import { checkWindow } from '#shared/runtime/check-window.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { listed, longestList } from '#shared/runtime/long-list.ts'
import { pageOf, partOf } from '#shared/runtime/page.ts'
import { showRunsNow } from '#shared/runtime/show.ts'

export default defineRoute(
  runs.find,
  async ({ query }, ctx) => {
    checkWindow(query)
    const page = await pageOf(query, (id) => findRunPlace(ctx.sql, id))
    const filter = {
      // What cannot be an id names nothing, so it finds nothing.
      planIds: query.plan?.filter(isId),
      inputIds: query.knitIdInput?.filter(isId),
      outputIds: query.knitIdOutput?.filter(isId),
      statuses: query.status,
      since: query.since,
      duration: query.duration,
    }
    const found = await listed(
      (ids) => findRunIds(ctx.sql, filter, page, ids),
      (ids) => showRunsNow(ctx, ids),
    )
    return partOf(found, page)
  },
  { minScale: 1, timeout: longestList },
)
