import { expect } from 'vitest'
import type { KnitEvent } from '#shared/ports/event-bus.ts'
import { outbox, test, type TestWorld } from '#tests/support/world.ts'
import { drainOutbox, tell } from './outbox.ts'
import { begin } from './sql.ts'

const planId = '00000000-0000-7000-8000-000000000001'
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

async function record(ctx: TestWorld, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1)
    await begin(ctx.sql, (tx) =>
      tell(tx, 'run.waiting', `s${index}`, { planId }, { actor: 'test', traceparent }),
    )
}

const subjects = (events: readonly KnitEvent[]): string[] => events.map(({ subject }) => subject)
const expected = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `s${index}`)

test('events are drained in batches, the oldest first, with id, time and trace', async ({
  ctx,
}) => {
  await record(ctx, 25)
  const batches: KnitEvent[][] = []
  const count = await drainOutbox(ctx.sql, async (events) => void batches.push(events), {
    batch: 10,
  })
  expect(count).toBe(25)
  expect(batches.map(({ length }) => length)).toEqual([10, 10, 5])
  expect(subjects(batches.flat())).toEqual(expected(25))
  expect(batches[0]?.[0]).toEqual({
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    name: 'run.waiting',
    subject: 's0',
    data: { planId },
    time: expect.any(Date),
    traceparent,
  })
  expect(await outbox(ctx)).toEqual([])
})

test('a crash while a batch is published publishes it again, and loses none', async ({ ctx }) => {
  await record(ctx, 25)
  const told: KnitEvent[] = []
  const crash = drainOutbox(
    ctx.sql,
    async (events) => {
      told.push(...events)
      if (told.length > 15) throw new Error('the process died')
    },
    { batch: 10 },
  )
  await expect(crash).rejects.toThrow('the process died')
  expect(await outbox(ctx)).toHaveLength(15)
  const again: KnitEvent[] = []
  await drainOutbox(ctx.sql, async (events) => void again.push(...events), { batch: 10 })
  expect(subjects(again)).toEqual(expected(25).slice(10))
  const ids = new Map(told.map(({ id, subject }) => [subject, id]))
  for (const { id, subject } of again) if (ids.has(subject)) expect(ids.get(subject)).toBe(id)
})

test('what a relay died with is published again once its lease has passed, and not before', async ({
  ctx,
}) => {
  await record(ctx, 3)
  const told: KnitEvent[] = []
  const drain = () => drainOutbox(ctx.sql, async (events) => void told.push(...events))
  await ctx.sql`update outbox set leased_until = now() + interval '1 minute'`
  expect(await drain()).toBe(0)
  await ctx.sql`update outbox set leased_until = now() - interval '1 second'`
  expect(await drain()).toBe(3)
  expect(subjects(told)).toEqual(expected(3))
})

test('no transaction is open while events are published', async ({ ctx }) => {
  await record(ctx, 1)
  let open: unknown
  await drainOutbox(ctx.sql, async () => {
    open = await ctx.sql`
      select from pg_stat_activity
       where datname = current_database() and state like 'idle in transaction%'`
  })
  expect(open).toHaveLength(0)
})

test('many relays at the same time publish every event once', async ({ ctx }) => {
  await record(ctx, 60)
  const told: KnitEvent[] = []
  const drain = () =>
    drainOutbox(ctx.sql, async (events) => void told.push(...events), { batch: 7 })
  await Promise.all([drain(), drain(), drain(), drain()])
  await drain()
  expect(subjects(told).toSorted()).toEqual(expected(60).toSorted())
  expect(new Set(told.map(({ id }) => id)).size).toBe(60)
})

test('an empty outbox publishes nothing', async ({ ctx }) => {
  let calls = 0
  expect(await drainOutbox(ctx.sql, async () => void (calls += 1))).toBe(0)
  expect(calls).toBe(0)
})

test('a look at some last seconds leaves what is older, and passes nothing of them by', async ({
  ctx,
}) => {
  await record(ctx, 4)
  const [old, young] = expected(2)
  await ctx.sql`update outbox set id = uuidv7(interval '-61 s') where subject = ${old ?? ''}`
  await ctx.sql`update outbox set id = uuidv7(interval '-59 s') where subject = ${young ?? ''}`
  const told: KnitEvent[] = []
  const publish = async (events: KnitEvent[]) => void told.push(...events)
  expect(await drainOutbox(ctx.sql, publish, { seconds: 60 })).toBe(3)
  expect(subjects(told)).toEqual(expected(4).slice(1))
  expect(await drainOutbox(ctx.sql, publish)).toBe(1)
  expect(subjects(told).at(-1)).toBe(old)
})
