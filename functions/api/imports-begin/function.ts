import { randomUUID } from 'node:crypto'
import { imports } from '#shared/contracts/imports.ts'
import { beginImport } from '#shared/database/imports.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { signImport } from '#shared/runtime/import-token.ts'
import { answer } from '#shared/runtime/web.ts'

const lease = 30 * 60

export default defineRoute(imports.begin, async (_, ctx) => {
  // What is kept for who asks again is what the token says, and not the token: signed once more it is the same.
  const ticket = await ctx.once(async (tx) => ({
    jti: randomUUID(),
    ...(await beginImport(tx, lease, ctx.by)),
  }))
  const token = await signImport(ticket, ctx.config)
  return answer(token, { headers: { 'content-type': imports.begin.response } })
})
