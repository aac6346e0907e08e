import { data } from '#shared/contracts/data.ts'
import { findDataIds, findDataPlace, showData } from '#shared/database/data-view.ts'
import { checkWindow } from '#shared/runtime/check-window.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { listed, longestList } from '#shared/runtime/long-list.ts'
import { pageOf, partOf } from '#shared/runtime/page.ts'

export default defineRoute(
  data.find,
  async ({ query }, { sql }) => {
    checkWindow(query)
    const page = await pageOf(query, (id) => findDataPlace(sql, id))
    const found = await listed(
      (ids) => findDataIds(sql, query.tag, query, page, ids),
      (ids) => showData(sql, ids),
    )
    return partOf(found, page)
  },
  { minScale: 1, timeout: longestList },
)
