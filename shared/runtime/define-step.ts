import { HTTP } from 'cloudevents'
import { Hono } from 'hono'
import { type EventData } from '#shared/contracts/events.ts'
import { Problem, problems } from '#shared/contracts/problems.ts'
import type { EventsOf, EventStep, clockSteps } from '#shared/workflow/triggers.ts'
import { contextFor, type Context, type World } from './context.ts'
import type { Deploy } from './define-route.ts'
import { fromCloudEvent } from '#shared/adapters/cloud-event.ts'
import type { NodeBindings } from './read-request.ts'
import { toProblem } from './respond.ts'
import { followTrace, traceId } from './trace.ts'

/** One of the events that wake a step, told apart by its name. */
export type EventFor<S extends EventStep> = {
  [E in EventsOf<S>]: { name: E; data: EventData<E> }
}[EventsOf<S>]

/** A step of the workflow. */
export type StepFunction = {
  kind: 'step'
  name: string
  deploy: Deploy
  app(world: World): Hono<{ Bindings: NodeBindings }>
}

/** Thrown by a step when delivering the event again cannot help: it goes to the dead letters. */
export class GiveUp extends Error {
  override readonly name = 'GiveUp'
}

/**
 * Serves the events that `workflow/triggers.ts` names for a step: they arrive as CloudEvents over HTTP, are validated, and
 * must be signed by this release. Throwing means "deliver again".
 */
export function defineStep<S extends EventStep>(
  name: S,
  handle: (event: EventFor<S>, ctx: Context) => Promise<void>,
  deploy: Deploy = {},
): StepFunction {
  const serve = async (request: Request, world: World): Promise<Response> => {
    try {
      const arrived = HTTP.toEvent({
        headers: Object.fromEntries(request.headers),
        body: await request.text(),
      })
      if (Array.isArray(arrived))
        throw new Problem('event-refused', 'Batches of events are not served.')
      const event = fromCloudEvent(arrived, world.config)
      const traceparent = followTrace(event.traceparent)
      const log = world.log.child({ step: name, event: event.name, trace: traceId(traceparent) })
      const by = { actor: name, traceparent }
      const ctx = contextFor(world, { by, requestId: event.id, signal: request.signal, log })
      await handle({ name: event.name, data: event.data } as EventFor<S>, ctx)
      return new Response(null, { status: 202 })
    } catch (error) {
      return refusal(error, name, world)
    }
  }
  return {
    kind: 'step',
    name,
    deploy,
    app: (world) =>
      new Hono<{ Bindings: NodeBindings }>().post('/', (c) => serve(c.req.raw, world)),
  }
}

/** A step woken by the clock alone: what arrives says nothing, and nothing in it is believed. */
export function defineClockStep(
  name: (typeof clockSteps)[number],
  handle: (ctx: Context) => Promise<void>,
  deploy: Deploy = {},
): StepFunction {
  const serve = async (request: Request, world: World): Promise<Response> => {
    try {
      const traceparent = followTrace(undefined)
      const log = world.log.child({ step: name })
      const by = { actor: name, traceparent }
      await handle(
        contextFor(world, { by, requestId: traceId(traceparent), signal: request.signal, log }),
      )
      return new Response(null, { status: 202 })
    } catch (error) {
      return refusal(error, name, world)
    }
  }
  return {
    kind: 'step',
    name,
    deploy,
    app: (world) =>
      new Hono<{ Bindings: NodeBindings }>().post('/', (c) => serve(c.req.raw, world)),
  }
}

/** 422 goes to the dead letters at once; anything from 500 on is delivered again. */
function refusal(error: unknown, step: string, world: World): Response {
  if (error instanceof GiveUp) {
    world.log.error('gave an event up', { step, error })
    return new Response(error.message, { status: 422 })
  }
  // What the SDK throws for an event that is none.
  const invalid =
    error instanceof TypeError || (error instanceof Error && error.name === 'ValidationError')
  const problem = invalid
    ? new Problem('event-refused', `This is no CloudEvent: ${error.message}`, { cause: error })
    : toProblem(error)
  world.log.warn('an event was not served', { step, problem: problem.code, error })
  return new Response(problem.message, { status: problems[problem.code].status })
}
