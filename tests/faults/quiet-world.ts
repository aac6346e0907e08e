import { drainOutbox } from '#shared/database/outbox.ts'
import type { Sql } from '#shared/database/sql.ts'
import type { KnitEvent } from '#shared/ports/event-bus.ts'
import type { World } from '#shared/runtime/context.ts'
import { stepsFor } from '#shared/workflow/triggers.ts'
import { gatedPort, type Gate } from '#tests/support/gate/gate.ts'
import { gatedSql } from '#tests/support/gate/gated-sql.ts'
import { measured, passTime } from '#tests/support/runs.ts'
import { succeeded } from '#tests/support/scripted-cluster.ts'
import { deliver, makeWorld, tick, type TestWorld } from '#tests/support/functions.ts'
import { clockSteps } from '#shared/workflow/triggers.ts'
import { stepFunctions } from '../../functions/functions.generated.ts'

/** A world where nothing goes on by itself: events that were published wait until somebody delivers them. */
export type Quiet<W extends World> = W & {
  events: KnitEvent[]
  /** Every program that runs ends well. */
  endPrograms(): Promise<void>
}
export type QuietWorld = Quiet<TestWorld>

export function makeQuietWorld(sql: Sql): QuietWorld {
  const world: QuietWorld = quiet(makeWorld(sql), async () => endPrograms(world))
  world.cluster.onChange = (worker) => world.events.push(changeOf(worker))
  return world
}

export function quiet<W extends World>(world: W, endPrograms: () => Promise<void>): Quiet<W> {
  const events: KnitEvent[] = []
  world.bus = { publish: async (told) => void events.push(...told) }
  world.relay = quietRelay(world)
  return { ...world, events, endPrograms }
}

/** What tells that a worker is not as it was. */
export const changeOf = (worker: string): KnitEvent => ({
  id: '',
  name: 'worker.changed',
  subject: worker,
  data: { worker },
  time: new Date(),
})

/** The same world behind a gate. */
export function gatedWorld(world: World, gate: Gate): World {
  const sql = gatedSql(world.sql, gate)
  const bus = gatedPort('bus', world.bus, gate)
  const cluster = gatedPort('cluster', world.cluster, gate)
  const transfers = gatedPort('transfers', world.transfers, gate)
  const gated = { ...world, sql, bus, cluster, transfers }
  return { ...gated, relay: quietRelay(gated) }
}

/** Publishes when it is told to and never by itself, so that calls are made in one order. */
const quietRelay = ({ sql, bus }: Pick<World, 'sql' | 'bus'>): World['relay'] => ({
  wake: () => {},
  drain: () => drainOutbox(sql, (events) => bus.publish(events)),
  settled: async () => {},
})

const stepOf = (name: string) => {
  const found = stepFunctions.find((step) => step.name === name)
  if (!found) throw new Error(`there is no step ${name}`)
  return found
}

/** Delivers what was published, and what that leads to, until nothing is left. */
export async function deliverAll(world: Quiet<World>): Promise<void> {
  for (;;) {
    await world.relay.drain()
    if (world.events.length === 0) return
    // An event is a hint: two about the same thing are one.
    const told = new Map(world.events.splice(0).map((event) => [event.name + event.subject, event]))
    for (const { name, data } of told.values())
      for (const step of stepsFor(name)) await deliver(stepOf(step), world, name, data as never)
  }
}

function endPrograms({ cluster }: QuietWorld): void {
  for (const { name, state, spec } of cluster.workers.values()) {
    if (state.phase !== 'running') continue
    const written = [...spec.outputs.map(({ volume }) => volume), spec.logVolume]
    for (const volume of written) if (volume) cluster.volumes.set(volume, measured)
    cluster.set(name, succeeded())
  }
}

const patience = 30

/** Lets time pass, and one sweep and the steps it wakes do what is left; gives back how many events the sweep told. */
export async function sweepOnce(world: Quiet<World>): Promise<number> {
  await passTime(world)
  // So much later whoever sweeps looks at everything again; what he has looked at, he knows by the settings.
  world.config = { ...world.config }
  for (const step of clockSteps) await tick(stepOf(step), world)
  const told = world.events.length
  await deliverAll(world)
  return told
}

/** Sweeps again and again while programs end, until nothing is left to do. */
export async function bringToRest(world: Quiet<World>): Promise<void> {
  for (let round = 0; round < patience; round += 1) {
    const told = await sweepOnce(world)
    await world.endPrograms()
    if (told === 0 && world.events.length === 0) return
  }
  throw new Error(`the system does not come to rest in ${patience} rounds`)
}
