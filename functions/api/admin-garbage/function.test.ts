import { expect } from 'vitest'
import type { Garbage } from '#shared/domain/garbage.ts'
import { answer, refusal, test } from '#tests/support/api.ts'
import garbage from './function.ts'

const at = '/api/admin/garbage'

test('volumes that wait to be deleted are listed, those that could not be with the reason', async ({
  ctx,
}) => {
  await ctx.sql`
    insert into garbage (volume, failures, reason, created_at, due_at)
    values ('new', 0, null, '2026-01-02T03:04:06Z', '2026-01-02T03:04:06Z'),
           ('stuck', 3, 'still mounted', '2026-01-02T03:04:05Z', '2026-01-02T03:14:05Z')`
  const stuck = {
    volume: 'stuck',
    failures: 3,
    reason: 'still mounted',
    createdAt: '2026-01-02T03:04:05+00:00',
    dueAt: '2026-01-02T03:14:05+00:00',
  }
  const all = await answer<Garbage[]>(garbage, ctx, at)
  expect(all.map(({ volume }) => volume)).toEqual(['new', 'stuck'])
  expect(all[1]).toEqual(stuck)
  expect(all[0]).not.toHaveProperty('reason')
  expect(await answer(garbage, ctx, `${at}?stuck=true`)).toEqual([stuck])
  expect(await answer(garbage, ctx, `${at}?limit=1`)).toEqual(all.slice(0, 1))
})

test('only admins may see it, and a limit is a number', async ({ ctx }) => {
  await refusal(garbage, ctx, at, 'forbidden', { role: 'user' })
  await refusal(garbage, ctx, `${at}?limit=0`, 'bad-request')
})
