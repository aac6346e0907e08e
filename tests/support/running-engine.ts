import { randomUUID } from 'node:crypto'
import { inProcessBus, type InProcessBus } from '#shared/adapters/in-process-bus.ts'
import { keepDeadLetter } from '#shared/database/dead-letters.ts'
import type { StepFunction } from '#shared/runtime/define-step.ts'
import { createRelay } from '#shared/runtime/relay.ts'
import { eventRequest } from '#shared/runtime/web.ts'
import type { EventStep } from '#shared/workflow/triggers.ts'
import { stepFunctions } from '../../functions/functions.generated.ts'
import type { TestWorld } from './functions.ts'

export type Engine = {
  world: TestWorld
  bus: InProcessBus
  /** Resolves when nothing is in the outbox, queued, or being served. */
  settle(): Promise<void>
  stop(): Promise<void>
}

/** What becomes of an event on its way to the step that serves it. */
export type OnTheWay = (
  request: Request,
  serve: (request: Request) => Promise<Response>,
  step: EventStep,
) => Promise<Response>

/** All steps over the in-process bus. Workers change when the scripted cluster is told so. */
export function startEngine(
  world: TestWorld,
  onTheWay: OnTheWay = (request, serve) => serve(request),
): Engine {
  const apps = new Map<string, ReturnType<StepFunction['app']>>()
  const bus = inProcessBus({
    signer: world.config,
    log: world.log,
    deliver: (step, message) => {
      const serve = async (request: Request) =>
        (await apps.get(step)?.fetch(request)) ?? new Response(null, { status: 404 })
      return onTheWay(eventRequest(message), serve, step)
    },
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
