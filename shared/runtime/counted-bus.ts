import type { EventBus } from '#shared/ports/event-bus.ts'
import type { Metrics } from './metrics.ts'

/** A bus for the outbox: what it takes, and what it does not, is counted. */
export const countedBus = (bus: EventBus, metrics: Metrics): EventBus => ({
  async publish(events) {
    try {
      await bus.publish(events)
    } catch (error) {
      metrics.count('knit_publish_failures_total', {})
      throw error
    }
    for (const { name } of events) metrics.count('knit_events_published_total', { event: name })
  },
})
