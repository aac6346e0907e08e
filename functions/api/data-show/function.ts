import { data } from '#shared/contracts/data.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { dataOrProblem, withReaders } from '#shared/runtime/show.ts'

export default defineRoute(data.show, async ({ params: { knitId } }, { sql }) =>
  withReaders(sql, await dataOrProblem(sql, knitId)),
)
