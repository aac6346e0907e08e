import http, { type OutgoingHttpHeaders } from 'node:http'
import { HTTP, type Message } from 'cloudevents'
import type { EventBus, KnitEvent } from '#shared/ports/event-bus.ts'
import { stepsFor } from '#shared/workflow/triggers.ts'
import { toCloudEvent, type EventSigner } from './cloud-event.ts'

// A broker has only to take an event, a step to serve it.
const brokerPatience = 10_000
const stepPatience = 60_000

/** Publishes events to a broker, as CloudEvents over HTTP, one after another so that they leave in order. */
export function httpBus(brokerUrl: string, by: string, signer: EventSigner): EventBus {
  return {
    async publish(events) {
      for (const event of events) await post(brokerUrl, event, by, signer, brokerPatience)
    },
  }
}

/**
 * Gives events straight to the steps they wake: `functionUrl` says where a function is. Each step is given one after another;
 * one that does not answer keeps no other from its events. Rejects when something was not served.
 */
export function directBus(functionUrl: string, by: string, signer: EventSigner): EventBus {
  return {
    async publish(events) {
      const calls = events.flatMap((event) => stepsFor(event.name).map((step) => ({ step, event })))
      const served = [...Map.groupBy(calls, ({ step }) => step)].map(async ([step, own]) => {
        const url = functionUrl.replace('{function}', `step-${step}`)
        for (const { event } of own) await post(url, event, by, signer, stepPatience)
      })
      const [failed] = (await Promise.allSettled(served)).filter(
        ({ status }) => status === 'rejected',
      )
      if (failed?.status === 'rejected') throw failed.reason
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
