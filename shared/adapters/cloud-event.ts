import { createHmac, timingSafeEqual } from 'node:crypto'
import { CloudEvent, type CloudEventV1 } from 'cloudevents'
import { eventName, events, eventType } from '#shared/contracts/events.ts'
import { Problem } from '#shared/contracts/problems.ts'
import { issues, plainWords } from '#shared/domain/plain-words.ts'
import type { KnitEvent } from '#shared/ports/event-bus.ts'
import { changedWorker, workerChangePrefix } from '#shared/contracts/worker-change.ts'
import { parseTraceparent } from '#shared/contracts/trace.ts'

/** Our extension attribute: an HMAC, so that a step serves only what a function of this release told. */
const signatureAttribute = 'knitsignature'

export type EventSigner = { release: string; signingKey: string }

/** An event as it travels: validated by the SDK as it is made, and signed. */
export function toCloudEvent(
  event: KnitEvent,
  by: string,
  signer: EventSigner,
): CloudEvent<unknown> {
  return new CloudEvent({
    id: event.id,
    type: eventType(event.name),
    source: `/${signer.release}/${by}`,
    subject: event.subject,
    time: event.time.toISOString(),
    datacontenttype: 'application/json',
    data: event.data,
    ...(event.traceparent && { traceparent: event.traceparent }),
    [signatureAttribute]: signatureOf(event.id, eventType(event.name), event.data, signer),
  })
}

/** Checks signature and schema of an event that arrived. Throws `Problem` for one that may not be served. */
export function fromCloudEvent(arrived: CloudEventV1<unknown>, signer: EventSigner): KnitEvent {
  const event = signedEvent(arrived, signer)
  const data = events[event.name].safeParse(event.data, { error: plainWords })
  if (data.success) return { ...event, data: data.data }
  throw new Problem(
    'event-refused',
    `The data of the event ${arrived.id} do not fit ${arrived.type}: ${issues(data.error)}`,
    { cause: data.error },
  )
}

/** An event that arrived, whatever its data are: another release may know more of them. Throws `Problem` for one that nobody here has told. */
export function signedEvent(arrived: CloudEventV1<unknown>, signer: EventSigner): KnitEvent {
  if (String(arrived.type).startsWith(workerChangePrefix)) return workerChange(arrived)
  // The SDK lets events without a type through.
  const name = eventName(String(arrived.type))
  if (!name) throw new Problem('event-refused', `No step knows events of the type ${arrived.type}.`)
  if (!isSigned(arrived, signer))
    throw new Problem(
      'unauthorized',
      `The event ${arrived.id} is not signed by a function of this release.`,
    )
  const traceparent = arrived['traceparent']
  return {
    id: arrived.id,
    name,
    subject: arrived.subject ?? '',
    data: (arrived.data ?? {}) as KnitEvent['data'],
    time: new Date(arrived.time ?? 0),
    traceparent:
      typeof traceparent === 'string' && parseTraceparent(traceparent) ? traceparent : undefined,
  }
}

/** A change in the cluster wakes whoever serves the worker, who then looks by himself: so it need not be signed. */
function workerChange({ id, subject = '' }: CloudEventV1<unknown>): KnitEvent {
  const worker = changedWorker(subject)
  if (!worker) throw new Problem('event-refused', `The event ${id} is about no worker: ${subject}.`)
  return { id, name: 'worker.changed', subject: worker, data: { worker }, time: new Date(0) }
}

function isSigned(arrived: CloudEventV1<unknown>, signer: EventSigner): boolean {
  const given = Buffer.from(String(arrived[signatureAttribute] ?? ''))
  const right = Buffer.from(signatureOf(arrived.id, arrived.type, arrived.data, signer))
  return given.length === right.length && timingSafeEqual(given, right)
}

/** Over what a step acts on; the rest of the event is decoration. Keys are sorted: transports may re-encode JSON. */
function signatureOf(id: string, type: string, data: unknown, signer: EventSigner): string {
  const body = Object.entries((data ?? {}) as object).sort(([a], [b]) => (a < b ? -1 : 1))
  return createHmac('sha256', signer.signingKey)
    .update(JSON.stringify([signer.release, id, type, body]))
    .digest('base64url')
}
