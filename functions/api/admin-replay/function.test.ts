import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { keepDeadLetter } from '#shared/database/dead-letters.ts'
import { answer, refusal } from '#tests/support/api.ts'
import { outbox, test, type TestWorld } from '#tests/support/world.ts'
import replay from './function.ts'

const planId = '00000000-0000-7000-8000-000000000001'

/** Ids of dead events, the oldest first. */
async function dead(ctx: TestWorld, ...subjects: string[]): Promise<string[]> {
  for (const subject of subjects) {
    const event = {
      id: planId,
      name: 'run.waiting' as const,
      subject,
      data: { planId },
      time: new Date(),
    }
    await keepDeadLetter(ctx.sql, 'initialize-run', event, 'why')
  }
  const rows = await ctx.sql<{ id: string }[]>`select id from dead_letter order by id`
  return rows.map(({ id }) => id)
}

const path = '/api/admin/events/replay'

test('dead events are published again, and are dead no longer', async ({ ctx }) => {
  const [first = '', second = '', third = ''] = await dead(ctx, 'a', 'b', 'c')
  const body = { eventIds: [first, third, first] }
  expect(await answer(replay, ctx, path, { body })).toEqual({ replayed: 2 })
  expect(await ctx.sql`select id from dead_letter`).toEqual([{ id: second }])
  expect(await outbox(ctx)).toEqual([
    { type: 'run.waiting', data: { planId } },
    { type: 'run.waiting', data: { planId } },
  ])
})

test('with one that is not there, nothing is replayed, and it is named', async ({ ctx }) => {
  const [first = ''] = await dead(ctx, 'a')
  for (const unknown of [randomUUID(), 'x'])
    expect(
      await refusal(replay, ctx, path, 'event-not-found', { body: { eventIds: [first, unknown] } }),
    ).toBe(`No dead event has the id ${unknown}; nothing was replayed.`)
  expect(await ctx.sql`select from dead_letter`).toHaveLength(1)
  expect(await outbox(ctx)).toEqual([])
})

test('replaying nothing is a mistake, and users may not replay', async ({ ctx }) => {
  await refusal(replay, ctx, path, 'bad-request', { body: { eventIds: [] } })
  await refusal(replay, ctx, path, 'forbidden', {
    body: { eventIds: [randomUUID()] },
    role: 'user',
  })
})
