import { randomUUID } from 'node:crypto'
import { HTTP } from 'cloudevents'
import { toCloudEvent } from '#shared/adapters/cloud-event.ts'
import type { EventData, EventName } from '#shared/contracts/events.ts'
import type { Role } from '#shared/domain/role.ts'
import type { Sql } from '#shared/database/sql.ts'
import { systemClock } from '#shared/ports/clock.ts'
import { configFrom } from '#shared/runtime/config.ts'
import type { World } from '#shared/runtime/context.ts'
import type { RouteFunction } from '#shared/runtime/define-route.ts'
import type { StepFunction } from '#shared/runtime/define-step.ts'
import { identityHeader, signIdentity } from '#shared/runtime/identity.ts'
import { createLog } from '#shared/runtime/log.ts'
import { createMetrics } from '#shared/runtime/metrics.ts'
import { createTracer } from '#shared/runtime/tracer.ts'
import type { Relay } from '#shared/runtime/relay.ts'
import { ScriptedCluster } from './scripted-cluster.ts'

export const signingKey = 'a key for tests that is long enough to be one'

/** Everything a function sees, with a real database, and the bus switched off unless a test asks for it. */
export type TestWorld = World & {
  cluster: ScriptedCluster
  lines: string[]
}

/** A relay that leaves every event in the outbox. */
const silent: Relay = { wake: () => {}, drain: async () => 0, settled: async () => {} }

/** A world, and how to end it. */
export function makeWorld(sql: Sql): TestWorld {
  const lines: string[] = []
  const log = createLog({ format: 'json', level: 'debug', write: (line) => lines.push(line) })
  const cluster = new ScriptedCluster()
  return {
    config: configFrom({ KNIT_DATABASE_URL: 'postgres://test', KNIT_SIGNING_KEY: signingKey }),
    sql,
    bus: { publish: async () => {} },
    cluster,
    transfers: cluster,
    clock: systemClock,
    log,
    metrics: createMetrics(sql),
    tracer: createTracer(),
    relay: silent,
    lines,
  }
}

/** Gives an event to a step, as a function of this release would. */
export async function deliver<E extends EventName>(
  fn: StepFunction,
  world: World,
  name: E,
  data: EventData<E>,
  more: Record<string, string> = {},
): Promise<Response> {
  const event = { id: randomUUID(), name, subject: 'test', data, time: new Date() }
  const sent = toCloudEvent(event, 'test', world.config).cloneWith(more)
  const { headers, body } = HTTP.binary(sent)
  const request = new Request('http://steps.local/', {
    method: 'POST',
    headers: headers as Record<string, string>,
    body: String(body),
  })
  return fn.app(world).fetch(request)
}

/** Wakes a step of the clock. */
export async function tick(fn: StepFunction, world: World): Promise<Response> {
  return fn.app(world).fetch(new Request('http://steps.local/', { method: 'POST' }))
}

export type CallOptions = {
  role?: Role
  body?: unknown
  headers?: Record<string, string>
  /** Aborted when the caller goes away. */
  signal?: AbortSignal
}

// Of those that are nobody's (RFC 5737).
const address = '192.0.2.1'

/** Calls a route as the gateway would: with a signed identity. */
export async function call(
  fn: RouteFunction,
  world: World,
  path: string,
  { role = 'admin', body, headers = {}, signal }: CallOptions = {},
): Promise<Response> {
  const identity = await signIdentity(
    { name: 'ann', role, address },
    fn.name,
    world.config.signingKey,
  )
  return fn.app(world).fetch(
    new Request(`http://api.local${path}`, {
      method: fn.contract.method.toUpperCase(),
      headers: { [identityHeader]: identity, 'content-type': 'application/json', ...headers },
      ...(signal && { signal }),
      ...(body !== undefined && { body: isReady(body) ? body : JSON.stringify(body) }),
    }),
  )
}

const isReady = (body: unknown): body is string | Uint8Array<ArrayBuffer> =>
  typeof body === 'string' || body instanceof Uint8Array
