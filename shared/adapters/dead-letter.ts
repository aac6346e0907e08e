import type { CloudEventV1 } from 'cloudevents'
import { Problem } from '#shared/contracts/problems.ts'
import type { KnitEvent } from '#shared/ports/event-bus.ts'
import { stepsFor, triggers, type EventStep } from '#shared/workflow/triggers.ts'
import { signedEvent, type EventSigner } from './cloud-event.ts'

/** What a broker has given up: the steps that did not serve it, and what was answered at last. */
export type DeadLetter = { steps: EventStep[]; event: KnitEvent; cause: string }

/** Reads an event as Knative gives it to a dead letter sink. Throws `Problem` for what no step of ours was to serve. */
export function fromDeadLetter(arrived: CloudEventV1<unknown>, signer: EventSigner): DeadLetter {
  // What did not fit is why it was given up.
  const event = signedEvent(arrived, signer)
  const { knativeerrordest: place, knativeerrorcode: code, knativeerrordata: data } = arrived
  // Where a step, or Knative's own filter, breaks off, Knative says nothing.
  if (place === undefined)
    return { steps: stepsFor(event.name), event, cause: 'no step has answered the broker' }
  const step = stepAt(String(place))
  if (!step) throw new Problem('event-refused', `No step of ours is at ${String(place)}.`)
  const words = Buffer.from(String(data ?? ''), 'base64').toString()
  const cause = code ? `answered ${String(code)}: ${words}` : 'it was not reached'
  return { steps: [step], event, cause }
}

/** A step by the address of its service: `http://step-start-run.NAMESPACE.svc…`. */
function stepAt(place: string): EventStep | undefined {
  const [, name = ''] = /^https?:\/\/step-([a-z-]+)\./.exec(place) ?? []
  return Object.hasOwn(triggers, name) ? (name as EventStep) : undefined
}
