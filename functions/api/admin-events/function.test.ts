import { expect } from 'vitest'
import type { RecordedEvent } from '#shared/domain/recorded-event.ts'
import { keepDeadLetter } from '#shared/database/dead-letters.ts'
import { tell } from '#shared/database/outbox.ts'
import { begin } from '#shared/database/sql.ts'
import { answer, refusal } from '#tests/support/api.ts'
import { test } from '#tests/support/world.ts'
import events from './function.ts'

const planId = '00000000-0000-7000-8000-000000000001'
const event = (subject: string) => ({
  id: planId,
  name: 'run.waiting' as const,
  subject,
  data: { planId },
  time: new Date('2026-01-02T03:04:05.678Z'),
})

test('events that wait to be published are listed, the newest first', async ({ ctx }) => {
  for (const subject of ['a', 'b'])
    await begin(ctx.sql, (tx) => tell(tx, 'run.waiting', subject, { planId }, { actor: 'test' }))
  await keepDeadLetter(ctx.sql, 'initialize-run', event('c'), 'why')
  const listed = await answer<RecordedEvent[]>(events, ctx, '/api/admin/events')
  expect(listed).toEqual(
    ['b', 'a'].map((subject) => ({
      eventId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      name: 'run.waiting',
      subject,
      data: { planId },
      time: expect.stringMatching(/\+00:00$/),
    })),
  )
  expect(await answer(events, ctx, '/api/admin/events?limit=1')).toEqual(listed.slice(0, 1))
})

test('dead events are listed with the step and the cause', async ({ ctx }) => {
  await keepDeadLetter(ctx.sql, 'initialize-run', event('a'), 'it <always> fails')
  expect(await answer(events, ctx, '/api/admin/events?dead=true')).toEqual([
    {
      eventId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      name: 'run.waiting',
      subject: 'a',
      data: { planId },
      time: '2026-01-02T03:04:05.678+00:00',
      dead: {
        step: 'initialize-run',
        cause: 'it <always> fails',
        times: 1,
        since: expect.any(String),
        at: expect.any(String),
      },
    },
  ])
})

test('a user sees none of them', async ({ ctx }) => {
  await refusal(events, ctx, '/api/admin/events', 'forbidden', { role: 'user' })
})
