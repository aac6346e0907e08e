import { HTTP, type CloudEventV1 } from 'cloudevents'
import { Hono } from 'hono'
import { type EventData } from '#shared/contracts/events.ts'
import { Problem, problems } from '#shared/contracts/problems.ts'
import type { KnitEvent } from '#shared/ports/event-bus.ts'
import type { Log } from '#shared/ports/log.ts'
import type { EventsOf, EventStep, clockSteps, deadLetterStep } from '#shared/workflow/triggers.ts'
import { contextFor, type Context, type World } from './context.ts'
import type { Deploy } from './define-route.ts'
import { fromCloudEvent } from '#shared/adapters/cloud-event.ts'
import { fromDeadLetter, type DeadLetter } from '#shared/adapters/dead-letter.ts'
import { readText, type NodeBindings } from './read-request.ts'
import { toProblem } from './respond.ts'
import { followTrace, traceId } from './trace.ts'
import { answer } from './web.ts'

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

/** A step has failed at an event that is one of ours: whoever brought it may be told why. */
class NotServed extends Error {
  readonly event: KnitEvent
  readonly log: Log

  constructor(event: KnitEvent, log: Log, cause: unknown) {
    super('an event was not served', { cause })
    this.event = event
    this.log = log
  }
}

// One serves hundreds of events a second. What waits is mostly for one of them in one place, the database or the API server, which
// more would not make faster, and each that is started takes from the others.
const most = 2

/**
 * Serves the events that `workflow/triggers.ts` names for a step: they arrive as CloudEvents over HTTP, are validated, and
 * must be signed by this release. Throwing means "deliver again".
 */
export function defineStep<S extends EventStep>(
  name: S,
  handle: (event: EventFor<S>, ctx: Context) => Promise<void>,
  deploy: Deploy = {},
): StepFunction {
  return stepFunction(name, { maxScale: most, ...deploy }, async (request, world, bindings) => {
    const event = fromCloudEvent(await readArrived(request, world, bindings), world.config)
    const ctx = stepContext({ name, deploy }, request, world, event)
    try {
      await handle({ name: event.name, data: event.data } as EventFor<S>, ctx)
    } catch (error) {
      throw new NotServed(event, ctx.log, error)
    }
  })
}

/** A step woken by the clock alone: what arrives says nothing, and nothing in it is believed. One does it at a time. */
export function defineClockStep(
  name: (typeof clockSteps)[number],
  handle: (ctx: Context) => Promise<void>,
  deploy: Deploy = {},
): StepFunction {
  return stepFunction(name, { maxScale: 1, ...deploy }, (request, world) =>
    handle(stepContext({ name, deploy }, request, world)),
  )
}

/** The step to which the broker gives what it has given up. */
export function defineDeadLetterStep(
  name: typeof deadLetterStep,
  handle: (letter: DeadLetter, ctx: Context) => Promise<void>,
  deploy: Deploy = {},
): StepFunction {
  return stepFunction(name, { maxScale: most, ...deploy }, async (request, world, bindings) => {
    const letter = fromDeadLetter(await readArrived(request, world, bindings), world.config)
    await handle(letter, stepContext({ name, deploy }, request, world, letter.event))
  })
}

function stepFunction(
  name: string,
  deploy: Deploy,
  serve: (request: Request, world: World, bindings: NodeBindings) => Promise<void>,
): StepFunction {
  const respond = async (
    request: Request,
    world: World,
    bindings: NodeBindings,
  ): Promise<Response> => {
    const since = performance.now()
    const done = (outcome: string, response: Response): Response => {
      world.metrics.time('knit_step_duration_seconds', { step: name, outcome }, since)
      return response
    }
    try {
      await serve(request, world, bindings)
      return done('served', answer(null, { status: 202 }))
    } catch (error) {
      const response = refusal(error, name, world)
      return done(outcomeOf(error, response), response)
    }
  }
  return {
    kind: 'step',
    name,
    deploy,
    app: (world) => {
      const app = new Hono<{ Bindings: NodeBindings }>()
      app.notFound(() => answer('A step takes events: POST them to /.\n', { status: 404 }))
      return app.post('/', (c) => respond(c.req.raw, world, c.env ?? {}))
    },
  }
}

/** The world as a step sees it, in the trace of the event that woke it. */
function stepContext(
  { name, deploy: { uses } }: { name: string; deploy: Deploy },
  request: Request,
  world: World,
  event?: KnitEvent,
): Context {
  const traceparent = followTrace(event?.traceparent)
  const trace = traceId(traceparent)
  const log = world.log.child({ step: name, ...(event && { event: event.name }), trace })
  const by = { actor: name, traceparent }
  return contextFor(world, { by, requestId: event?.id ?? trace, signal: request.signal, log, uses })
}

/** The event of a request, of which nothing is believed yet. Throws `Problem` for what is none. */
async function readArrived(
  request: Request,
  world: World,
  bindings: NodeBindings,
): Promise<CloudEventV1<unknown>> {
  const limit = { setting: 'maxBodyBytes', bytes: world.config.maxBodyBytes }
  const body = await readText(request, bindings, limit)
  let arrived
  try {
    arrived = HTTP.toEvent({ headers: Object.fromEntries(request.headers), body })
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new Problem('event-refused', `This is no CloudEvent: ${why}`, { cause: error })
  }
  if (Array.isArray(arrived))
    throw new Problem('event-refused', 'Batches of events are not served.')
  return arrived
}

/** What is wrong with an event is not laid to the step. */
function outcomeOf(error: unknown, { status }: Response): string {
  if (!(error instanceof NotServed)) return status < 500 ? 'refused' : 'failed'
  return error.cause instanceof GiveUp ? 'given-up' : 'failed'
}

/** 422 goes to the dead letters at once; anything from 500 on is delivered again. */
function refusal(error: unknown, step: string, world: World): Response {
  if (error instanceof NotServed) return failure(error)
  const problem = toProblem(error)
  world.log.warn('an event was not served', { step, problem: problem.code, error })
  return answer(problem.message, { status: problems[problem.code].status })
}

/** The answer is what a dead letter keeps as its cause, so it says what the log says. */
function failure({ event: { id, subject }, log, cause: error }: NotServed): Response {
  const about = { id, subject, error }
  if (error instanceof GiveUp) {
    log.error('gave an event up', about)
    return answer(error.message, { status: 422 })
  }
  const problem = toProblem(error)
  log.warn('an event was not served', { ...about, problem: problem.code })
  const { status } = problems[problem.code]
  return answer(wordsOf(problem.code === 'unexpected' ? error : problem), { status })
}

/** What an error and its causes say, without where in the code that was. */
function wordsOf(error: unknown): string {
  const words = error instanceof Problem ? error.message : String(error)
  const isCaused = error instanceof Error && error.cause !== undefined
  return isCaused ? `${words}\ncaused by ${wordsOf(error.cause)}` : words
}
