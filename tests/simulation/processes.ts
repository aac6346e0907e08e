import type { Sql } from '#shared/database/sql.ts'
import type { EventBus, KnitEvent } from '#shared/ports/event-bus.ts'
import type { World } from '#shared/runtime/context.ts'
import { createLog } from '#shared/runtime/log.ts'
import { createRelay } from '#shared/runtime/relay.ts'
import { createTracer } from '#shared/runtime/tracer.ts'
import { stepsFor, type Step } from '#shared/workflow/triggers.ts'
import { gatedPort } from '#tests/support/gate/gate.ts'
import { hooksThrough } from '#tests/support/gate/gated-hooks.ts'
import { gatedSql, type Reword } from '#tests/support/gate/gated-sql.ts'
import { deliver, makeWorld, tick } from '#tests/support/functions.ts'
import { stepFunctions } from '../../functions/functions.generated.ts'
import type { SimulatedClock } from './clock.ts'
import type { SimulatedCluster } from './cluster.ts'
import { hookSettings } from './hooks.ts'
import type { Process, Scheduler } from './scheduler.ts'

type Surroundings = {
  sql: Sql
  /** What becomes of statements that pass the gate. */
  reword?: Reword | undefined
  scheduler: Scheduler
  clock: SimulatedClock
  cluster: SimulatedCluster
  mail: EventBus
  hasHooks: boolean
  note(line: string): void
  /** That of the next process. */
  pace(): number
}

/** An answer; undefined when the process died before it could give one. */
export type Answer = Response | undefined

/** Everybody who is at work: each event, request or tick is served by a process of its own, which may end at any time. */
export class Processes {
  readonly alive = new Set<Process>()
  readonly #around: Surroundings
  readonly #config: World['config']
  readonly #metrics: World['metrics']
  #count = 0

  constructor(around: Surroundings) {
    this.#around = around
    // Nobody asks again after so long that the answer is forgotten.
    const { config, metrics } = makeWorld(around.sql)
    const hooks = around.hasHooks ? hookSettings : {}
    this.#config = { ...config, ...hooks, keepRequests: 3650 }
    this.#metrics = metrics
  }

  /** Starts a process for one piece of work; it is over when nothing of it goes on any more. */
  start(name: string, work: (world: World) => Promise<Response>, skew = 0): Promise<Answer> {
    const { clock, scheduler } = this.#around
    this.#count += 1
    const process: Process = { number: this.#count, name, pace: this.#around.pace(), isDead: false }
    this.alive.add(process)
    scheduler.touch()
    return clock.runAs(process, async () => {
      const world = this.#worldOf(process, skew)
      const response = await hooksThrough(scheduler.gateOf(process), () => work(world)).catch(
        () => undefined,
      )
      await world.relay.settled()
      this.alive.delete(process)
      scheduler.touch()
      return process.isDead ? undefined : response
    })
  }

  kill(process: Process): void {
    this.alive.delete(process)
    this.#around.scheduler.kill(process)
  }

  serve(step: Step, { name, data }: Pick<KnitEvent, 'name' | 'data'>, skew = 0): Promise<Answer> {
    const fn = functionOf(step)
    return this.start(step, (world) => deliver(fn, world, name, data as never), skew)
  }

  tick(step: Step): Promise<Answer> {
    return this.start(step, (world) => tick(functionOf(step), world))
  }

  #worldOf(process: Process, skew: number): World {
    const { sql, reword, scheduler, clock, cluster, mail, note } = this.#around
    const gate = scheduler.gateOf(process)
    const gated = gatedSql(sql, gate, reword)
    const log = createLog({ format: 'json', level: 'debug', write: note })
    const bus = gatedPort('bus', mail, gate)
    const ports = gatedPort('cluster', cluster, gate)
    return {
      config: this.#config,
      sql: gated,
      bus,
      direct: { publish: (events) => this.#serveDirectly(events) },
      cluster: ports as never,
      transfers: ports,
      clock: { now: () => new Date(clock.now.getTime() + skew) },
      log,
      metrics: this.#metrics,
      tracer: createTracer(),
      // Nobody waits by a clock that goes by itself.
      relay: createRelay(gated, bus, log, async () => {}),
    }
  }

  /** Past the broker: each step is asked, and its answer waited for. */
  async #serveDirectly(events: readonly KnitEvent[]): Promise<void> {
    const calls = events.flatMap((event) => stepsFor(event.name).map((step) => ({ step, event })))
    for (const { step, event } of calls) {
      const answer = await this.serve(step, event)
      if (!answer?.ok) throw new Error(`${step} did not serve ${event.name}`)
    }
  }
}

function functionOf(step: Step) {
  const found = stepFunctions.find(({ name }) => name === step)
  if (!found) throw new Error(`there is no step ${step}`)
  return found
}
