import type { EventBus, KnitEvent } from '#shared/ports/event-bus.ts'
import type { Tracer } from '#shared/ports/tracer.ts'
import type { World } from './context.ts'

/** A bus for the outbox: what it takes, and what it does not, is counted, and how long that took is in the trace of each event. */
export const observedBus = (
  bus: EventBus,
  { metrics, tracer }: Pick<World, 'metrics' | 'tracer'>,
): EventBus => ({
  async publish(events) {
    const { sent, end } = tracer.isOn ? inSpans(tracer, events) : { sent: events }
    try {
      await bus.publish(sent)
    } catch (error) {
      metrics.count('knit_publish_failures_total', {})
      end?.(error)
      throw error
    }
    end?.()
    for (const { name } of events) metrics.count('knit_events_published_total', { event: name })
  },
})

/** Each event under a span of its own, which the step that it wakes follows. */
function inSpans(tracer: Tracer, events: readonly KnitEvent[]) {
  const spans = events.map(({ name, subject, traceparent }) =>
    tracer.start(`publish ${name}`, {
      kind: 'producer',
      parent: traceparent,
      attributes: { 'knit.event': name, 'knit.subject': subject },
    }),
  )
  return {
    sent: events.map((event, index) => ({ ...event, traceparent: spans[index]?.traceparent })),
    end: (error?: unknown) => spans.forEach((span) => span.end(error)),
  }
}
