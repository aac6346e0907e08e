import { randomUUID } from 'node:crypto'
import { HTTP } from 'cloudevents'
import { test as base } from 'vitest'
import { toCloudEvent } from '#shared/adapters/cloud-event.ts'
import { inProcessBus, type InProcessBus } from '#shared/adapters/in-process-bus.ts'
import type { EventData, EventName } from '#shared/contracts/events.ts'
import type { Role } from '#shared/contracts/route.ts'
import { keepDeadLetter } from '#shared/database/outbox.ts'
import type { Sql } from '#shared/database/sql.ts'
import { systemClock } from '#shared/ports/clock.ts'
import { configFrom } from '#shared/runtime/config.ts'
import type { World } from '#shared/runtime/context.ts'
import type { RouteFunction } from '#shared/runtime/define-route.ts'
import type { StepFunction } from '#shared/runtime/define-step.ts'
import { identityHeader, signIdentity } from '#shared/runtime/identity.ts'
import { createLog } from '#shared/runtime/log.ts'
import { createRelay, type Relay } from '#shared/runtime/relay.ts'
import { stepFunctions } from '../../functions/functions.generated.ts'
import { cloneDatabase, type Database } from './database.ts'
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
    relay: silent,
    lines,
  }
}

/**
 * A test with a world of its own; `ctx` is that world, `engine` the same with all steps running on a real bus. The tests of
 * a file share a database, which each finds empty.
 */
export const test = base.extend<{ database: Database; ctx: TestWorld; engine: Engine }>({
  database: [
    async ({}, use) => {
      const database = await cloneDatabase()
      await use(database)
      await database.drop()
    },
    { scope: 'file' },
  ],
  ctx: async ({ database }, use) => {
    await database.empty()
    const world = makeWorld(database.sql)
    await use(world)
    await world.relay.settled()
  },
  engine: async ({ ctx }, use) => {
    const engine = startEngine(ctx)
    await use(engine)
    await engine.stop()
  },
})

export type Engine = {
  world: TestWorld
  bus: InProcessBus
  /** Resolves when nothing is in the outbox, queued, or being served. */
  settle(): Promise<void>
  stop(): Promise<void>
}

/** All steps over the in-process bus. Workers change when the scripted cluster is told so. */
export function startEngine(world: TestWorld): Engine {
  const apps = new Map<string, ReturnType<StepFunction['app']>>()
  const bus = inProcessBus({
    signer: world.config,
    log: world.log,
    deliver: async (step, request) =>
      (await apps.get(step)?.fetch(request)) ?? new Response(null, { status: 404 }),
    giveUp: (step, event, cause) => keepDeadLetter(world.sql, step, event, cause),
    concurrency: () => 4,
  })
  world.bus = bus
  world.relay = createRelay(world.sql, bus, world.log)
  for (const fn of stepFunctions) apps.set(fn.name, fn.app(world))
  const tell = (worker: string) =>
    bus.publish([
      {
        id: randomUUID(),
        name: 'worker.changed',
        subject: worker,
        data: { worker },
        time: new Date(),
      },
    ])
  world.cluster.onChange = (worker) => void tell(worker).catch(() => {})
  const settle = async (): Promise<void> => {
    for (;;) {
      const published = await world.relay.drain()
      await bus.idle()
      await world.relay.settled()
      const [left] = await world.sql`select from outbox limit 1`
      if (published === 0 && bus.isIdle() && !left) return
    }
  }
  return { world, bus, settle, stop: () => bus.close() }
}

/** Gives an event to a step, as a function of this release would. */
export async function deliver<E extends EventName>(
  fn: StepFunction,
  world: World,
  name: E,
  data: EventData<E>,
): Promise<Response> {
  const event = { id: randomUUID(), name, subject: 'test', data, time: new Date() }
  const { headers, body } = HTTP.binary(toCloudEvent(event, 'test', world.config))
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

export type CallOptions = { role?: Role; body?: unknown; headers?: Record<string, string> }

/** Calls a route as the gateway would: with a signed identity. */
export async function call(
  fn: RouteFunction,
  world: World,
  path: string,
  { role = 'admin', body, headers = {} }: CallOptions = {},
): Promise<Response> {
  const identity = await signIdentity({ name: 'ann', role }, fn.name, world.config.signingKey)
  return fn.app(world).fetch(
    new Request(`http://api.local${path}`, {
      method: fn.contract.method.toUpperCase(),
      headers: { [identityHeader]: identity, 'content-type': 'application/json', ...headers },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    }),
  )
}

/** The events that wait in the outbox, the oldest first. */
export async function outbox(world: World): Promise<{ type: string; data: unknown }[]> {
  return world.sql<{ type: string; data: unknown }[]>`select type, data from outbox order by id`
}
