import { expect } from 'vitest'
import type { Token } from '#shared/domain/token.ts'
import { answer, refusal, test } from '#tests/support/api.ts'
import { makeToken } from '#tests/support/tokens.ts'
import list from './function.ts'

test('tokens are listed with their states, the newest first, and never with a secret', async ({
  ctx,
}) => {
  await makeToken(ctx, 'old', { state: 'expired' })
  await makeToken(ctx, 'bad', { state: 'revoked' })
  await makeToken(ctx, 'good', { role: 'viewer' })
  const tokens = await answer<Token[]>(list, ctx, '/api/admin/tokens')
  expect(tokens).toMatchObject([
    { name: 'good', role: 'viewer', state: 'valid', createdBy: 'test' },
    { name: 'bad', state: 'revoked', revokedBy: 'test', revokedAt: expect.any(String) },
    { name: 'old', state: 'expired' },
  ])
  expect(Object.keys(tokens[0] ?? {})).toEqual([
    'name',
    'role',
    'state',
    'createdBy',
    'createdAt',
    'expiresAt',
  ])
  expect(await answer(list, ctx, '/api/admin/tokens?limit=1')).toMatchObject([{ name: 'good' }])
})

test('a limit is a number from 1 to 1000', async ({ ctx }) => {
  for (const limit of ['0', '1001', 'many'])
    await refusal(list, ctx, `/api/admin/tokens?limit=${limit}`, 'bad-request')
})
