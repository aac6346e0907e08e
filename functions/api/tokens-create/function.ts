import { tokens } from '#shared/contracts/tokens.ts'
import { Problem } from '#shared/contracts/problems.ts'
import { addToken } from '#shared/database/tokens.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { showToken } from '#shared/runtime/show-token.ts'
import { hashOf, newSeed, secretOf } from '#shared/runtime/token-secret.ts'

export default defineRoute(tokens.create, async ({ body: { name, role, lifetime } }, ctx) => {
  const secretFrom = (seed: string) => secretOf(seed, ctx.config.signingKey)
  // The answer is kept for who asks again: with what the secret is made of, and without the secret.
  const { seed, ...token } = await ctx.once(async (tx) => {
    const seed = newSeed()
    const hash = hashOf(secretFrom(seed))
    const by = { seconds: lifetime, createdBy: ctx.principal.name }
    const added = await addToken(tx, { name, role, hash, ...by })
    if (!added) throw taken(name)
    return { ...showToken(added), seed }
  })
  return { ...token, secret: secretFrom(seed) }
})

const taken = (name: string): Problem =>
  new Problem(
    'token-name-taken',
    `There is, or was, a token ${name}: names are not given twice, as the audit tells people by them. Choose another one.`,
  )
