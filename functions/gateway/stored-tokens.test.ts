import { expect } from 'vitest'
import { newSeed, secretOf } from '#shared/runtime/token-secret.ts'
import { makeToken } from '#tests/support/tokens.ts'
import { signingKey, test, type TestWorld } from '#tests/support/world.ts'
import { storedTokens } from './stored-tokens.ts'

const asked = (secret: string) =>
  new Request('http://gate.local/', { headers: { authorization: `Bearer ${secret}` } })

/** A way in with a clock of its own, in milliseconds, that counts what it asks the database. */
function wayInto({ sql }: TestWorld) {
  let [time, looks] = [0, 0]
  const counted = new Proxy(sql, {
    apply(target, self, args: never) {
      looks += 1
      return Reflect.apply(target, self, args)
    },
  })
  const way = storedTokens(counted, () => time)
  return {
    signIn: async (secret: string) => way(asked(secret)),
    looks: () => looks,
    pass: (millis: number) => (time += millis),
  }
}

test('a token signs in as itself, with its role', async ({ ctx }) => {
  const { signIn } = wayInto(ctx)
  const [ci, eve] = [await makeToken(ctx, 'ci'), await makeToken(ctx, 'eve', { role: 'viewer' })]
  expect(await signIn(ci)).toEqual({ name: 'token:ci', role: 'user' })
  expect(await signIn(eve)).toEqual({ name: 'token:eve', role: 'viewer' })
})

test('what is no token of this kind is left to other ways in', async ({ ctx }) => {
  for (const secret of ['another', 'eyJhbGciOiJub25lIn0.e30.', 'x knit_'])
    expect(await wayInto(ctx).signIn(secret)).toBeUndefined()
})

test('a token that cannot be used says why', async ({ ctx }) => {
  const { signIn } = wayInto(ctx)
  const secret = await makeToken(ctx, 'old', { state: 'expired' })
  await expect(signIn(secret)).rejects.toThrow(/token old expired at 2.*new one/)
  const revoked = await makeToken(ctx, 'bad', { state: 'revoked' })
  await expect(signIn(revoked)).rejects.toThrow(/token bad was revoked at 2.*new one/)
  await expect(signIn(secretOf(newSeed(), signingKey))).rejects.toThrow(/no such token here/)
  await expect(signIn(secret.slice(0, -1))).rejects.toThrow(/not whole/)
})

test('a token that is used again within 5 s is not looked up again; what cannot be one never is', async ({
  ctx,
}) => {
  const { signIn, looks, pass } = wayInto(ctx)
  const secret = await makeToken(ctx, 'busy')
  await signIn(secret)
  const once = looks()
  expect(once).toBeGreaterThan(0)
  pass(4999)
  await signIn(secret)
  await expect(signIn(`${secret}0`)).rejects.toThrow()
  expect(looks()).toBe(once)
  pass(1)
  await signIn(secret)
  expect(looks()).toBe(2 * once)
})

test.for(['revoked', 'expired'])(
  'that a token is %s is felt 5 s later at the latest',
  async (what, { ctx }) => {
    const { signIn, pass } = wayInto(ctx)
    const secret = await makeToken(ctx, 'felt')
    await signIn(secret)
    if (what === 'revoked') await ctx.sql`update token set revoked_by = 'ann', revoked_at = now()`
    else await ctx.sql`update token set expires_at = now()`
    pass(5000)
    await expect(signIn(secret)).rejects.toThrow(what)
  },
)

test('that a token is used is noted once a minute, and only of one that can be', async ({
  ctx,
}) => {
  const { signIn, pass } = wayInto(ctx)
  const secret = await makeToken(ctx, 'used')
  const old = await makeToken(ctx, 'unused', { state: 'expired' })
  const usedAt = async (name: string) => {
    const [row] = await ctx.sql<{ at: Date | null }[]>`
      select last_used_at as at from token where name = ${name}`
    return row?.at
  }
  await signIn(secret)
  const first = await usedAt('used')
  expect(first).toBeInstanceOf(Date)
  pass(5000)
  await signIn(secret)
  expect(await usedAt('used')).toEqual(first)
  await ctx.sql`update token set last_used_at = now() - interval '61 s'`
  pass(5000)
  await signIn(secret)
  expect((await usedAt('used'))?.getTime()).toBeGreaterThan(first?.getTime() ?? Infinity)
  await ctx.sql`update token set last_used_at = null`
  await expect(signIn(old)).rejects.toThrow()
  expect(await usedAt('unused')).toBeNull()
})
