import { expect } from 'vitest'
import { begin } from '#shared/database/sql.ts'
import { tell } from '#shared/database/outbox.ts'
import type { KnitEvent } from '#shared/ports/event-bus.ts'
import { outbox, test, type TestWorld } from '#tests/support/world.ts'
import { createRelay } from './relay.ts'

const planId = '00000000-0000-7000-8000-000000000001'

const record = (ctx: TestWorld, subject: string): Promise<void> =>
  begin(ctx.sql, (tx) => tell(tx, 'run.waiting', subject, { planId }, { actor: 'test' }))

test('what was recorded is published once the relay is woken, the oldest first', async ({
  ctx,
}) => {
  for (const subject of ['a', 'b', 'c']) await record(ctx, subject)
  const told: KnitEvent[] = []
  const relay = createRelay(
    ctx.sql,
    { publish: async (events) => void told.push(...events) },
    ctx.log,
  )
  relay.wake()
  await relay.settled()
  expect(told.map(({ subject }) => subject)).toEqual(['a', 'b', 'c'])
  expect(await outbox(ctx)).toEqual([])
})

test('a transaction that rolls back tells nothing', async ({ ctx }) => {
  const work = begin(ctx.sql, async (tx) => {
    await tell(tx, 'run.waiting', 'a', { planId }, { actor: 'test' })
    throw new Error('rolled back')
  })
  await expect(work).rejects.toThrow('rolled back')
  expect(await outbox(ctx)).toEqual([])
})

test('what the bus did not take stays, and the next wake publishes it', async ({ ctx }) => {
  await record(ctx, 'a')
  let away = true
  const told: KnitEvent[] = []
  const bus = {
    publish: async (events: readonly KnitEvent[]) => {
      if (away) throw new Error('the broker is away')
      told.push(...events)
    },
  }
  const relay = createRelay(ctx.sql, bus, ctx.log)
  relay.wake()
  await relay.settled()
  expect(told).toEqual([])
  expect(await outbox(ctx)).toHaveLength(1)
  expect(ctx.lines.join('')).toContain('the broker is away')
  away = false
  relay.wake()
  await relay.settled()
  expect(told).toHaveLength(1)
})

test('whoever drains learns that it did not work', async ({ ctx }) => {
  await record(ctx, 'a')
  const bus = {
    publish: async () => {
      throw new Error('the broker is away')
    },
  }
  await expect(createRelay(ctx.sql, bus, ctx.log).drain()).rejects.toThrow('the broker is away')
  expect(await outbox(ctx)).toHaveLength(1)
})

test('what is recorded while the relay publishes is published too', async ({ ctx }) => {
  await record(ctx, 'a')
  const told: string[] = []
  const relay = createRelay(
    ctx.sql,
    {
      publish: async (events) => {
        told.push(...events.map(({ subject }) => subject))
        if (told.length > 1) return
        await record(ctx, 'b')
        relay.wake()
      },
    },
    ctx.log,
  )
  relay.wake()
  await relay.settled()
  expect(told).toEqual(['a', 'b'])
})

test('many wakes at a time are few drains, and none is forgotten', async ({ ctx }) => {
  let published = 0
  const bus = {
    publish: async (events: readonly KnitEvent[]) => void (published += events.length),
  }
  const relay = createRelay(ctx.sql, bus, ctx.log)
  await Promise.all(
    Array.from({ length: 50 }, async (_, index) => {
      await record(ctx, String(index))
      relay.wake()
    }),
  )
  await relay.settled()
  expect(published).toBe(50)
  expect(await outbox(ctx)).toEqual([])
})

test('what has waited long is published by the first wake, and by the first after the bus was away', async ({
  ctx,
}) => {
  const told: string[] = []
  let away = false
  const publish = async (events: readonly KnitEvent[]) => {
    if (away) throw new Error('the broker is away')
    told.push(...events.map(({ subject }) => subject))
  }
  const relay = createRelay(ctx.sql, { publish }, ctx.log)
  const wake = async () => {
    relay.wake()
    await relay.settled()
  }
  const recordOld = async (subject: string) => {
    await record(ctx, subject)
    await ctx.sql`update outbox set id = uuidv7(interval '-1 h') where subject = ${subject}`
  }
  await recordOld('before the start')
  await wake()
  away = true
  await record(ctx, 'while it was away')
  await wake()
  await recordOld('long before')
  away = false
  await wake()
  expect(told).toEqual(['before the start', 'long before', 'while it was away'])
})

test('what a transaction has recorded that took long is published when it says so, however long it took', async ({
  ctx,
}) => {
  const told: string[] = []
  const publish = async (events: readonly KnitEvent[]) =>
    void told.push(...events.map(({ subject }) => subject))
  const relay = createRelay(ctx.sql, { publish }, ctx.log)
  const wake = async (began?: number) => {
    relay.wake(began)
    await relay.settled()
  }
  await wake()
  await record(ctx, 'a')
  await ctx.sql`update outbox set id = uuidv7(interval '-90 s')`
  await wake()
  expect(told).toEqual([])
  await wake(performance.now() - 90_000)
  expect(told).toEqual(['a'])
})

test('after three looks in vain a look waits for what else commits, until there is something again', async ({
  ctx,
}) => {
  const happened: string[] = []
  const sql = new Proxy(ctx.sql, {
    apply: (target, self, args) => {
      if (String(args[0]).includes('for update of outbox')) look()
      return Reflect.apply(target, self, args)
    },
  })
  const pause = async () => {
    happened.push('pause')
    if (happened.length === 6) await record(ctx, 'a')
  }
  const publish = async () => void happened.push('found')
  const relay = createRelay(sql, { publish }, ctx.log, pause)
  // Somebody commits something, and tells nothing, during nearly every look.
  function look(): void {
    happened.push('look')
    if (happened.length < 12) queueMicrotask(() => relay.wake())
  }
  relay.wake()
  await relay.settled()
  expect(happened.join(' ')).toBe(
    'look look look pause look pause look found look look look pause look',
  )
})
