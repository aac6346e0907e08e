import { data } from '#shared/contracts/data.ts'
import { findDataIds, showData } from '#shared/database/data-view.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { checkWindow } from '#shared/runtime/check-window.ts'

export default defineRoute(
  data.find,
  async ({ query }, { sql }) => {
    checkWindow(query)
    return showData(sql, await findDataIds(sql, query.tag, query))
  },
  { minScale: 1 },
)
