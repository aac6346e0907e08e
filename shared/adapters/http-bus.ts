import http, { type OutgoingHttpHeaders } from 'node:http'
import { HTTP, type Message } from 'cloudevents'
import type { EventBus, KnitEvent } from '#shared/ports/event-bus.ts'
import { stepsFor } from '#shared/workflow/triggers.ts'
import { toCloudEvent, type EventSigner } from './cloud-event.ts'

// A broker has only to take an event, a step to serve it.
const brokerPatience = 10_000
const stepPatience = 60_000
// So long all calls of steps may take together: what is left then is due again.
const directPatience = 45_000

/** Publishes events to a broker, as CloudEvents over HTTP, one after another so that they leave in order. */
export function httpBus(brokerUrl: string, by: string, signer: EventSigner): EventBus {
  return {
    async publish(events) {
      for (const event of events) await post(brokerUrl, event, by, signer, brokerPatience)
    },
  }
}

/**
 * Gives events straight to the steps they wake: `functionUrl` says where a function is. Each step is given one after another, as
 * long as there is time; neither a step nor an event that is not served keeps others waiting. Rejects when something was not served.
 */
export function directBus(functionUrl: string, by: string, signer: EventSigner): EventBus {
  return {
    async publish(events) {
      const calls = events.flatMap((event) => stepsFor(event.name).map((step) => ({ step, event })))
      const end = Date.now() + directPatience
      const failures: unknown[] = []
      const served = [...Map.groupBy(calls, ({ step }) => step)].map(async ([step, own]) => {
        const url = functionUrl.replace('{function}', `step-${step}`)
        for (const { event } of own) {
          if (Date.now() > end) throw new Error(`there was no time for all events of ${step}`)
          await post(url, event, by, signer, stepPatience).catch((error) => failures.push(error))
        }
      })
      for (const one of await Promise.allSettled(served))
        if (one.status === 'rejected') failures.push(one.reason)
      if (failures.length > 0) throw failures[0]
    },
  }
}

async function post(
  url: string,
  event: KnitEvent,
  by: string,
  signer: EventSigner,
  patience: number,
): Promise<void> {
  const message = HTTP.binary(toCloudEvent(event, by, signer))
  const status = await answerTo(url, message, patience)
  if (status < 200 || status > 299) throw new Error(`${url} answered ${status} to ${event.name}`)
}

/** The status a message is answered with. Not by `fetch`, which a function would need for this alone; see `runtime/web.ts`. */
function answerTo(url: string, { headers, body }: Message, patience: number): Promise<number> {
  const { request } = url.startsWith('https:') ? process.getBuiltinModule('node:https') : http
  const options = { method: 'POST', headers: headers as OutgoingHttpHeaders }
  return new Promise((resolve, reject) => {
    request(url, { ...options, signal: AbortSignal.timeout(patience) })
      .once('response', (response) => {
        response.resume()
        resolve(response.statusCode ?? 0)
      })
      .once('error', reject)
      .end(String(body))
  })
}
