import { expect } from 'vitest'
import { answer, test } from '#tests/support/api.ts'
import whoami from './function.ts'

test('everybody is told who they are, what they may do and where they come from', async ({
  ctx,
}) => {
  for (const role of ['viewer', 'user', 'admin'] as const)
    expect(await answer(whoami, ctx, '/api/whoami', { role })).toEqual({
      name: 'ann',
      role,
      address: '192.0.2.1',
    })
})
