import { tokens } from '#shared/contracts/tokens.ts'
import { Problem } from '#shared/contracts/problems.ts'
import { revokeToken } from '#shared/database/tokens.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'

export default defineRoute(tokens.revoke, async ({ params: { name } }, ctx) =>
  ctx.once(async (tx) => {
    if (!(await revokeToken(tx, name, ctx.principal.name)))
      throw new Problem(
        'token-not-found',
        `No token ${name} can be revoked: there is none, or it was revoked before.`,
      )
  }),
)
