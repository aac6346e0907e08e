import { expect } from 'vitest'
import { refusal, test } from '#tests/support/api.ts'
import { makeToken } from '#tests/support/tokens.ts'
import { call } from '#tests/support/world.ts'
import revoke from './function.ts'

test('a token is revoked for good, by who did', async ({ ctx }) => {
  await makeToken(ctx, 'bad')
  expect((await call(revoke, ctx, '/api/admin/tokens/bad')).status).toBe(204)
  const [row] = await ctx.sql`select revoked_by, revoked_at <= now() as ago from token`
  expect(row).toEqual({ revoked_by: 'ann', ago: true })
})

test('what is no token, or has been revoked, cannot be revoked', async ({ ctx }) => {
  await makeToken(ctx, 'gone', { state: 'revoked' })
  for (const name of ['gone', 'never', 'No-Name', 'a%00b', '%2e%2e', "'"])
    await refusal(revoke, ctx, `/api/admin/tokens/${name}`, 'token-not-found')
  const [row] = await ctx.sql`select revoked_by from token where name = 'gone'`
  expect(row).toEqual({ revoked_by: 'test' })
})
