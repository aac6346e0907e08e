import { expect } from 'vitest'
import type { Check } from '#shared/domain/check.ts'
import { answer, refusal, test } from '#tests/support/api.ts'
import { makeData } from '#tests/support/makers.ts'
import check from './function.ts'

test('every sentence is told, with what breaks it', async ({ ctx }) => {
  const knitId = await makeData(ctx)
  const checks = await answer<Check[]>(check, ctx, '/api/admin/check?patience=0')
  expect(checks.length).toBeGreaterThan(20)
  const broken = checks.filter(({ state }) => state === 'violated')
  expect(broken).toContainEqual({
    sentence: 'Every data that can be used, or is being written, has its volume.',
    state: 'violated',
    things: [`data ${knitId}`],
  })
})

test('a user may not ask', async ({ ctx }) => {
  await refusal(check, ctx, '/api/admin/check', 'forbidden', { role: 'user' })
})

test.for(['-1', 'some'])('%s is no patience', async (patience, { ctx }) => {
  expect(await refusal(check, ctx, `/api/admin/check?patience=${patience}`, 'bad-request')).toMatch(
    /patience/,
  )
})
