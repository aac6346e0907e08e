import { data } from '#shared/contracts/data.ts'
import { findDataIds, findDataPlace, showDataInParts } from '#shared/database/data-view.ts'
import type { Sql } from '#shared/database/sql.ts'
import { checkWindow } from '#shared/runtime/check-window.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { listed, longestList } from '#shared/runtime/long-list.ts'
import { pageOf, partOf } from '#shared/runtime/page.ts'
import { withReaders } from '#shared/runtime/show.ts'

export default defineRoute(
  data.find,
  async ({ query }, { sql }) => {
    checkWindow(query)
    const page = await pageOf(query, (id) => findDataPlace(sql, id))
    const found = await listed(
      (ids) => findDataIds(sql, query.tag, query, page, ids),
      (ids) => shownInParts(sql, ids),
    )
    return partOf(found, page)
  },
  { minScale: 1, timeout: longestList },
)

async function* shownInParts(sql: Sql, ids: readonly string[]) {
  for await (const part of showDataInParts(sql, ids))
    yield part.map((data) => withReaders(sql, data))
}
