import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { keepDeadLetter } from '#shared/database/dead-letters.ts'
import { answer, refusal } from '#tests/support/api.ts'
import { outbox, test, type TestWorld } from '#tests/support/world.ts'
import drop from './function.ts'

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

const path = '/api/admin/events/drop'

test('dead events are forgotten, and the others are not', async ({ ctx }) => {
  const [first = '', second = '', third = ''] = await dead(ctx, 'a', 'b', 'c')
  const body = { eventIds: [first, third, first] }
  expect(await answer(drop, ctx, path, { body })).toEqual({ dropped: 2 })
  expect(await ctx.sql`select id from dead_letter`).toEqual([{ id: second }])
  expect(await outbox(ctx)).toEqual([])
})

test('with one that is not there, nothing is dropped, and it is named', async ({ ctx }) => {
  const [first = ''] = await dead(ctx, 'a')
  for (const unknown of [randomUUID(), 'x'])
    expect(
      await refusal(drop, ctx, path, 'event-not-found', { body: { eventIds: [first, unknown] } }),
    ).toBe(`No dead event has the id ${unknown}; nothing was dropped.`)
  expect(await ctx.sql`select from dead_letter`).toHaveLength(1)
})

test('dropping nothing is a mistake, and users may not drop', async ({ ctx }) => {
  await refusal(drop, ctx, path, 'bad-request', { body: { eventIds: [] } })
  await refusal(drop, ctx, path, 'forbidden', { body: { eventIds: [randomUUID()] }, role: 'user' })
})
