import { HTTP } from 'cloudevents'
import type { EventBus, KnitEvent } from '#shared/ports/event-bus.ts'
import { toCloudEvent, type EventSigner } from './cloud-event.ts'

/** Publishes events to a broker, as CloudEvents over HTTP, one after another so that they leave in order. */
export function httpBus(brokerUrl: string, by: string, signer: EventSigner): EventBus {
  const send = async (event: KnitEvent): Promise<void> => {
    const { headers, body } = HTTP.binary(toCloudEvent(event, by, signer))
    const response = await fetch(brokerUrl, {
      method: 'POST',
      headers: headers as Record<string, string>,
      body: String(body),
      signal: AbortSignal.timeout(10_000),
    })
    await response.body?.cancel()
    if (!response.ok)
      throw new Error(`the broker at ${brokerUrl} answered ${response.status} to ${event.name}`)
  }
  return {
    async publish(events) {
      for (const event of events) await send(event)
    },
  }
}
