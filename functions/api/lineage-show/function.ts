import { lineage } from '#shared/contracts/lineage.ts'
import { Problem } from '#shared/contracts/problems.ts'
import { showLineage } from '#shared/database/lineage.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { answer } from '#shared/runtime/web.ts'
import { dotOf } from './dot.ts'

export default defineRoute(lineage.show, async ({ params: { id }, query }, { sql }) => {
  const shown = await showLineage(sql, id, query)
  if (!shown) throw new Problem('thing-not-found', `Neither a data nor a run has the id ${id}.`)
  if (query.format === 'json') return shown
  return answer(dotOf(shown), { headers: { 'content-type': lineage.show.also } })
})
