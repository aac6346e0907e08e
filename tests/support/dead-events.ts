import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { keepDeadLetter } from '#shared/database/dead-letters.ts'
import type { RouteFunction } from '#shared/runtime/define-route.ts'
import { answer, refusal } from './api.ts'
import { outbox, test, type TestWorld } from './world.ts'

const planId = '00000000-0000-7000-8000-000000000001'

/** Dead events about as many subjects; their ids, the oldest first. */
async function dead({ sql }: TestWorld, ...subjects: string[]): Promise<string[]> {
  for (const subject of subjects) {
    const event = { name: 'run.waiting' as const, subject, data: { planId } }
    await keepDeadLetter(
      sql,
      'initialize-run',
      { ...event, id: randomUUID(), time: new Date() },
      'why',
    )
  }
  const rows = await sql<{ id: string }[]>`select id from dead_letter order by id`
  return rows.map(({ id }) => id)
}

export type Taken = {
  path: string
  /** What is done with the events, as the answer has it: `replayed`. */
  done: string
  /** Events that are published for each. */
  published: number
}

/** What is true of replaying dead events and of dropping them alike. */
export function testTaking(fn: RouteFunction, { path, done, published }: Taken): void {
  test(`dead events are ${done}, and are dead no longer; the others stay`, async ({ ctx }) => {
    const [first = '', second = '', third = ''] = await dead(ctx, 'a', 'b', 'c')
    const body = { eventIds: [first, third, first] }
    expect(await answer(fn, ctx, path, { body })).toEqual({ [done]: 2 })
    expect(await ctx.sql`select id from dead_letter`).toEqual([{ id: second }])
    const event = { type: 'run.waiting', data: { planId } }
    expect(await outbox(ctx)).toEqual(Array.from({ length: 2 * published }, () => event))
  })

  test(`with one that is not there, nothing is ${done}, and it is named`, async ({ ctx }) => {
    const [first = ''] = await dead(ctx, 'a')
    for (const unknown of [randomUUID(), 'x']) {
      const body = { eventIds: [first, unknown] }
      const message = await refusal(fn, ctx, path, 'event-not-found', { body })
      expect(message).toBe(`No dead event has the id ${unknown}; nothing was ${done}.`)
    }
    expect(await ctx.sql`select from dead_letter`).toHaveLength(1)
    expect(await outbox(ctx)).toEqual([])
  })

  test('none at all is a mistake, and users may not ask for it', async ({ ctx }) => {
    await refusal(fn, ctx, path, 'bad-request', { body: { eventIds: [] } })
    const body = { eventIds: [randomUUID()] }
    await refusal(fn, ctx, path, 'forbidden', { body, role: 'user' })
  })
}
