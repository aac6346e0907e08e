import { data } from '#shared/contracts/data.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { dataOrProblem } from '#shared/runtime/show.ts'

export default defineRoute(data.show, async ({ params: { knitId } }, { sql }) =>
  dataOrProblem(sql, knitId),
)
