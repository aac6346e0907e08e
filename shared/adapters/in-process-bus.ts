import { setTimeout as wait } from 'node:timers/promises'
import { HTTP } from 'cloudevents'
import type { EventBus, EventMessage, KnitEvent } from '#shared/ports/event-bus.ts'
import type { Log } from '#shared/ports/log.ts'
import { stepsFor, type EventStep } from '#shared/workflow/triggers.ts'
import { toCloudEvent, type EventSigner } from './cloud-event.ts'

export type InProcessBusOptions = {
  signer: EventSigner
  log: Log
  /** Gives an event to a step, as the message that would reach it over the network. */
  deliver(step: EventStep, message: EventMessage): Promise<Response>
  /** Keeps an event that no delivery helped. */
  giveUp(step: EventStep, event: KnitEvent, cause: string): Promise<void>
  /** Events a step serves at a time. */
  concurrency(step: EventStep): number
  /** Deliveries of an event before it is given up, and milliseconds before the second; each pause is twice the one before. */
  tries?: number
  pause?: number
}

export type InProcessBus = EventBus & {
  /** True when nothing is queued or being served. */
  isIdle(): boolean
  /** Resolves once that is so. */
  idle(): Promise<void>
  /** Takes no more, drops what is queued, and resolves when what is being served has ended. */
  close(): Promise<void>
}

// What Knative delivers again as well: the receiver may know better later.
const again = (status: number): boolean => status >= 500 || [404, 408, 409, 429].includes(status)

/** Takes events to the steps of the same process, by the same trigger table as a broker would, with its retries. */
export function inProcessBus(options: InProcessBusOptions): InProcessBus {
  const { signer, tries = 5, pause = 50 } = options
  const queues = new Map<EventStep, Map<string, KnitEvent>>()
  const serving = new Map<EventStep, number>()
  const closed = new AbortController()
  let waiters: (() => void)[] = []

  function enqueue(step: EventStep, event: KnitEvent): void {
    const queue = queues.get(step) ?? new Map<string, KnitEvent>()
    queues.set(step, queue)
    // An event is a hint: two about the same thing that wait for the same step are one.
    queue.set(`${event.name} ${event.subject}`, event)
    pump(step, queue)
  }

  function pump(step: EventStep, queue: Map<string, KnitEvent>): void {
    while ((serving.get(step) ?? 0) < options.concurrency(step)) {
      const [next] = queue
      if (!next || closed.signal.aborted) break
      queue.delete(next[0])
      serving.set(step, (serving.get(step) ?? 0) + 1)
      void serve(step, next[1]).finally(() => {
        serving.set(step, (serving.get(step) ?? 1) - 1)
        pump(step, queue)
      })
    }
    if (isIdle()) {
      for (const resolve of waiters) resolve()
      waiters = []
    }
  }

  async function serve(step: EventStep, event: KnitEvent): Promise<void> {
    let cause = ''
    for (let attempt = 0; attempt < tries; attempt += 1) {
      if (attempt > 0) {
        const stopped = await wait(pause * 2 ** (attempt - 1), false, {
          signal: closed.signal,
        }).catch(() => true)
        if (stopped) return
      }
      const response = await deliver(step, event).catch(
        (error: unknown) => new Response(String(error), { status: 500 }),
      )
      if (response.ok) return
      cause = await response.text()
      if (!again(response.status)) break
    }
    await options.giveUp(step, event, cause).catch((error: unknown) => {
      options.log.error('an event was lost; the sweep will find its work', {
        step,
        event: event.id,
        error,
      })
    })
  }

  async function deliver(step: EventStep, event: KnitEvent): Promise<Response> {
    const { headers, body } = HTTP.binary(toCloudEvent(event, 'outbox', signer))
    const message = { headers: headers as Record<string, string>, body: String(body) }
    return options.deliver(step, message)
  }

  const isIdle = (): boolean =>
    [...serving.values()].every((count) => count === 0) &&
    (closed.signal.aborted || [...queues.values()].every((queue) => queue.size === 0))

  const idle = (): Promise<void> =>
    isIdle() ? Promise.resolve() : new Promise((resolve) => waiters.push(resolve))

  return {
    async publish(events) {
      if (closed.signal.aborted) throw new Error('the bus is closed')
      for (const event of events) for (const step of stepsFor(event.name)) enqueue(step, event)
    },
    isIdle,
    idle,
    async close() {
      closed.abort()
      await idle()
    },
  }
}
