import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isWrite } from '#shared/contracts/route.ts'
import type { EventMessage } from '#shared/ports/event-bus.ts'
import type { World } from '#shared/runtime/context.ts'
import { capConnections } from '#shared/runtime/cap-connections.ts'
import { withHealth } from '#shared/runtime/health.ts'
import { closeServer, httpServer } from '#shared/runtime/http-server.ts'
import { tellMetrics } from '#shared/runtime/tell-metrics.ts'
import { eventRequest } from '#shared/runtime/web.ts'
import { clockSteps, type EventStep } from '#shared/workflow/triggers.ts'
import { routeFunctions, stepFunctions } from '../functions.generated.ts'
import { openGateway } from '../gateway/open-gateway.ts'
import { CannotStart } from './home.ts'

/** Where a local home is entered: the gateway over HTTP, and the functions behind it in this process. */
export type Door = {
  apiRoot: string
  /** Gives a CloudEvent to a step. */
  deliver(step: EventStep, message: EventMessage): Promise<Response>
  /** Events a step serves at a time. */
  concurrency(step: EventStep): number
  /** Wakes the steps that the clock wakes: the sweep each time, others now and then. */
  tick(): Promise<void>
  /** Takes no more requests and waits for those in progress, as long as the grace allows. */
  close(): Promise<void>
}

const defaultConcurrency = 4
// So many sweeps come to one turn of the other steps of the clock, for which nobody waits.
const sweepsToATurn = 4

export async function openDoor(world: World): Promise<Door> {
  const reading = world.reads ? { ...world, sql: world.reads } : world
  const routes = new Map(
    routeFunctions.map((fn) => [fn.name, fn.app(isWrite(fn.contract) ? world : reading)]),
  )
  const steps = new Map(stepFunctions.map((fn) => [fn.name, fn]))
  const apps = new Map([...steps].map(([name, fn]) => [name, fn.app(world)]))
  const call = async (step: string, request: Request): Promise<Response> => {
    const app = apps.get(step)
    if (!app) throw new Error(`there is no step ${step}`)
    return app.fetch(request)
  }

  const front = openGateway(world, {
    routes: routeFunctions.map(({ contract }) => contract),
    forward: async (route, request, bindings) => {
      const target = routes.get(route.name)
      if (!target) throw new Error(`no function serves ${route.name}`)
      return target.fetch(request, bindings)
    },
    tellMetrics: tellMetrics(world, { ofSystem: true }),
  })

  const server = httpServer(withHealth(world, front.fetch), world.config)
  capConnections(server, world.config)
  let sweeps = 0
  const port = await listen(server, world.config.host, world.config.port)
  return {
    apiRoot: `http://${world.config.host}:${port}/api`,
    deliver: (step, message) => call(step, eventRequest(message)),
    concurrency: (step) => steps.get(step)?.deploy.concurrency ?? defaultConcurrency,
    tick: async () => {
      const woken = sweeps % sweepsToATurn === 0 ? clockSteps : (['sweep'] as const)
      sweeps += 1
      for (const step of woken) {
        await call(step, new Request('http://steps.local/', { method: 'POST' })).catch(
          (error: unknown) => world.log.error('a step of the clock failed', { step, error }),
        )
      }
    },
    close: () => closeServer(server, world.config.grace),
  }
}

async function listen(server: Server, host: string, port: number): Promise<number> {
  try {
    server.listen(port, host)
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why =
      code === 'EADDRINUSE'
        ? `The port ${port} is taken by another program, or another local home.`
        : `Cannot listen on ${host}:${port}: ${message}`
    throw new CannotStart(
      `${why}\nChoose another one: knit local start --port N (0 takes any free one)`,
    )
  }
}
