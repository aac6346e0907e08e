import type { EventName } from '#shared/contracts/events.ts'

/** An event as the outbox holds it. `id` is the outbox id, `subject` the id of the thing it is about. */
export type KnitEvent = {
  id: string
  name: EventName
  subject: string
  data: Record<string, unknown>
  time: Date
  traceparent?: string | undefined
}

/**
 * Takes events to the steps that answer them. Resolves once they are on their way for good, as far as the bus can
 * promise; rejects when it took none. They may arrive late, doubled, or out of order.
 */
export interface EventBus {
  publish(events: readonly KnitEvent[]): Promise<void>
}

/** An event as it arrives over HTTP, in binary mode. */
export type EventMessage = { headers: Record<string, string>; body: string }
