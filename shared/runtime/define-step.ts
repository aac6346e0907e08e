import { HTTP, type CloudEventV1 } from 'cloudevents'
import { Hono } from 'hono'
import { type EventData } from '#shared/contracts/events.ts'
import { Problem, problems } from '#shared/contracts/problems.ts'
import type { KnitEvent } from '#shared/ports/event-bus.ts'
import type { Log } from '#shared/ports/log.ts'
import type { Span } from '#shared/ports/tracer.ts'
import type { EventsOf, EventStep, clockSteps, deadLetterStep } from '#shared/workflow/triggers.ts'
import { contextFor, type Context, type World } from './context.ts'
import type { Deploy } from './define-route.ts'
import { fromCloudEvent } from '#shared/adapters/cloud-event.ts'
import { fromDeadLetter, type DeadLetter } from '#shared/adapters/dead-letter.ts'
import { eachInTurn } from './each-in-turn.ts'
import { readText, type NodeBindings } from './read-request.ts'
import { toProblem } from './respond.ts'
import { traceId } from './trace.ts'
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
  return stepFunction(name, { maxScale: most, ...deploy }, async (call) => {
    const event = fromCloudEvent(await readArrived(call), call.world.config)
    const ctx = call.begin(event)
    try {
      await handle({ name: event.name, data: event.data } as EventFor<S>, ctx)
    } catch (error) {
      throw new NotServed(event, ctx.log, error)
    }
  })
}

/**
 * A step woken by the clock alone: what arrives says nothing, and nothing in it is believed. One does it at a time, part after part;
 * one that fails keeps no other from being done.
 */
export function defineClockStep(
  name: (typeof clockSteps)[number],
  parts: readonly ((ctx: Context) => Promise<void>)[],
  deploy: Deploy = {},
): StepFunction {
  return stepFunction(name, { maxScale: 1, ...deploy }, async ({ begin }) => {
    const ctx = begin()
    await eachInTurn(parts, (part) => part(ctx))
  })
}

/** The step to which the broker gives what it has given up. */
export function defineDeadLetterStep(
  name: typeof deadLetterStep,
  handle: (letter: DeadLetter, ctx: Context) => Promise<void>,
  deploy: Deploy = {},
): StepFunction {
  return stepFunction(name, { maxScale: most, ...deploy }, async (call) => {
    const letter = fromDeadLetter(await readArrived(call), call.world.config)
    await handle(letter, call.begin(letter.event))
  })
}

/** What has arrived at a step, of which nothing is believed yet. */
type Arrival = {
  request: Request
  world: World
  bindings: NodeBindings
  /** The world as the step sees it, once it is known which event, if any, is to be served. */
  begin(event?: KnitEvent): Context
}

function stepFunction(
  name: string,
  deploy: Deploy,
  serve: (call: Arrival) => Promise<void>,
): StepFunction {
  const respond = async (
    request: Request,
    world: World,
    bindings: NodeBindings,
  ): Promise<Response> => {
    const since = performance.now()
    let span: Span | undefined
    const done = (outcome: string, response: Response, error?: unknown): Response => {
      world.metrics.time('knit_step_duration_seconds', { step: name, outcome }, since)
      span?.end(error)
      return response
    }
    const begin = (event?: KnitEvent): Context => {
      span = startSpan(name, world, since, event)
      return stepContext({ name, deploy, span }, world, event)
    }
    try {
      await serve({ request, world, bindings, begin })
      return done('served', answer(null, { status: 202 }))
    } catch (error) {
      const response = refusal(error, name, world)
      const why = error instanceof NotServed ? error.cause : error
      return done(outcomeOf(error, response), response, why)
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

/** In the trace of the event that woke it. What the clock or the cluster wakes begins none: nobody has asked for it. */
const startSpan = (name: string, { tracer }: World, since: number, event?: KnitEvent): Span =>
  tracer.start(name, {
    kind: 'consumer',
    parent: event?.traceparent,
    since,
    attributes: { 'knit.step': name, ...(event && { 'knit.event': event.name }) },
  })

/** The world as a step sees it. */
function stepContext(
  { name, deploy: { uses }, span }: { name: string; deploy: Deploy; span: Span },
  world: World,
  event?: KnitEvent,
): Context {
  const trace = traceId(span.traceparent)
  const log = world.log.child({ step: name, ...(event && { event: event.name }), trace })
  return contextFor(world, { actor: name, span, requestId: event?.id ?? trace, log, uses })
}

/** The event of a request, of which nothing is believed yet. Throws `Problem` for what is none. */
async function readArrived({ request, world, bindings }: Arrival): Promise<CloudEventV1<unknown>> {
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
