import { tokens } from '#shared/contracts/tokens.ts'
import { listTokens } from '#shared/database/tokens.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { showToken } from '#shared/runtime/show-token.ts'

export default defineRoute(tokens.list, async ({ query: { limit } }, { sql }) =>
  (await listTokens(sql, limit)).map(showToken),
)
