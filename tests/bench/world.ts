import { AsyncLocalStorage } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'
import { HTTP } from 'cloudevents'
import { toCloudEvent } from '#shared/adapters/cloud-event.ts'
import type { EventData, EventName } from '#shared/contracts/events.ts'
import { begin, type Sql } from '#shared/database/sql.ts'
import { systemClock } from '#shared/ports/clock.ts'
import { configFrom } from '#shared/runtime/config.ts'
import type { World } from '#shared/runtime/context.ts'
import type { StepFunction } from '#shared/runtime/define-step.ts'
import { createLog } from '#shared/runtime/log.ts'
import { createMetrics } from '#shared/runtime/metrics.ts'
import { createTracer } from '#shared/runtime/tracer.ts'
import { eventRequest } from '#shared/runtime/web.ts'

const signingKey = 'a key for benchmarks that is long enough'

/** The world of steps that need a database alone: events stay in the outbox, and there is no cluster. */
export function worldOf(sql: Sql, onCommit: () => void = () => {}): World {
  const nothing = new Proxy({}, { get: () => missing }) as World['cluster'] & World['transfers']
  return {
    config: configFrom({ KNIT_DATABASE_URL: 'postgres://bench', KNIT_SIGNING_KEY: signingKey }),
    sql,
    bus: { publish: async () => {} },
    cluster: nothing,
    transfers: nothing,
    clock: systemClock,
    log: createLog({ format: 'text', level: 'error' }),
    metrics: createMetrics(sql),
    tracer: createTracer(),
    relay: { wake: onCommit, drain: async () => 0, settled: async () => {} },
  }
}

const missing = async (): Promise<never> => {
  throw new Error('this benchmark has no cluster')
}

/** A step that has been given an event: its first commit, and its end. */
export type Served = { committed: Promise<void>; ended: Promise<void> }

/** A step as the bus reaches it. A delivery that fails rejects both promises. */
export type Step = <E extends EventName>(name: E, data: EventData<E>) => Served

export function stepOn(sql: Sql, fn: StepFunction): Step {
  const delivery = new AsyncLocalStorage<() => void>()
  const world = worldOf(sql, () => delivery.getStore()?.())
  const app = fn.app(world)
  return (name, data) => {
    const first = Promise.withResolvers<void>()
    const ended = delivery.run(first.resolve, () => deliver(app, world, name, data))
    ended.catch(first.reject)
    return { committed: first.promise, ended }
  }
}

async function deliver<E extends EventName>(
  app: ReturnType<StepFunction['app']>,
  world: World,
  name: E,
  data: EventData<E>,
): Promise<void> {
  const event = { id: randomUUID(), name, subject: 'bench', data, time: new Date() }
  const { headers, body } = HTTP.binary(toCloudEvent(event, 'bench', world.config))
  const request = eventRequest({ headers: headers as Record<string, string>, body: String(body) })
  const response = await app.fetch(request)
  if (!response.ok) throw new Error(`a step answered ${response.status}: ${await response.text()}`)
}

/** Takes the events out of the outbox, as the relay would, and says what they were. */
export async function takeOutbox(sql: Sql): Promise<{ type: string; subject: string }[]> {
  return begin(sql, (tx) => tx`delete from outbox returning type, subject`)
}
