import { expect } from 'vitest'
import type { EventName } from '#shared/contracts/events.ts'
import type { KnitEvent } from '#shared/ports/event-bus.ts'
import { counted } from '#tests/support/scrape.ts'
import { test } from '#tests/support/world.ts'
import { countedBus } from './counted-bus.ts'

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
  const bus = countedBus({ publish }, ctx.metrics)
  await bus.publish([about('run.ready'), about('run.done'), about('run.ready')])
  isAway = true
  await expect(bus.publish([about('run.ready')])).rejects.toThrow('the broker is away')
  expect(await counted(ctx, 'knit_events_published_total')).toEqual({
    'run.ready': 2,
    'run.done': 1,
  })
  expect(await counted(ctx, 'knit_publish_failures_total')).toEqual({ '': 1 })
})
