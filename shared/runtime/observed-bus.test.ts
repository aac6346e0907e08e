import { expect } from 'vitest'
import type { EventName } from '#shared/contracts/events.ts'
import type { KnitEvent } from '#shared/ports/event-bus.ts'
import { keptSpans } from '#tests/support/kept-spans.ts'
import { counted } from '#tests/support/scrape.ts'
import { test } from '#tests/support/world.ts'
import { observedBus } from './observed-bus.ts'

const about = (name: EventName): KnitEvent => ({
  id: crypto.randomUUID(),
  name,
  subject: 's',
  data: {},
  time: new Date(),
})

test('what a bus takes is counted by its name, and that it takes nothing', async ({ ctx }) => {
  let isAway = false
  const publish = async () => {
    if (isAway) throw new Error('the broker is away')
  }
  const bus = observedBus({ publish }, ctx)
  await bus.publish([about('run.ready'), about('run.done'), about('run.ready')])
  isAway = true
  await expect(bus.publish([about('run.ready')])).rejects.toThrow('the broker is away')
  expect(await counted(ctx, 'knit_events_published_total')).toEqual({
    'run.ready': 2,
    'run.done': 1,
  })
  expect(await counted(ctx, 'knit_publish_failures_total')).toEqual({ '': 1 })
})

test('an event that is published is followed by what it wakes, in its trace or in none', async ({
  ctx,
}) => {
  const { tracer, spans } = keptSpans()
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const taken: KnitEvent[] = []
  const publish = async (events: readonly KnitEvent[]) => void taken.push(...events)
  const events = [{ ...about('run.ready'), traceparent }, about('run.done')]
  await observedBus({ publish }, { metrics: ctx.metrics, tracer }).publish(events)
  expect(spans).toMatchObject([
    { name: 'publish run.ready', kind: 'producer', parent: traceparent, error: undefined },
  ])
  expect(taken).toEqual([
    { ...events[0], traceparent: spans[0]?.traceparent },
    { ...events[1], traceparent: expect.stringMatching(/-00$/) },
  ])
  await observedBus({ publish }, ctx).publish(events)
  expect(taken.slice(2)).toEqual(events)
})
