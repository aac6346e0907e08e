import { randomUUID } from 'node:crypto'
import { Hono, type Context as HonoContext } from 'hono'
import { Problem, problems } from '#shared/contracts/problems.ts'
import { isWrite, type Route } from '#shared/contracts/route.ts'
import type { AuditRecord } from '#shared/database/audit.ts'
import {
  checkRole,
  identityHeader,
  signIdentity,
  type Principal,
} from '#shared/runtime/identity.ts'
import type { Span, Tracer } from '#shared/ports/tracer.ts'
import { statusClass, type Metrics } from '#shared/runtime/metrics.ts'
import type { NodeBindings } from '#shared/runtime/read-request.ts'
import { answerEarly } from '#shared/runtime/answer-early.ts'
import { problemResponse, toProblem } from '#shared/runtime/respond.ts'
import type { TellMetrics } from '#shared/runtime/tell-metrics.ts'
import { traceId } from '#shared/runtime/trace.ts'
import { endAnswered } from '#shared/runtime/tracer.ts'
import { answer, isOn, lightRequest, queryOf } from '#shared/runtime/web.ts'
import type { AddressOf } from './client-address.ts'
import type { FindOutside } from './extra-apis.ts'
import { lookAgain } from './look-again.ts'
import { openAnswers, type Told } from './open-answers.ts'
import { findRoute, pathTable, type Found } from './path-table.ts'
import type { Refused } from './refusals.ts'

export type GatewayOptions = Told & {
  routes: readonly Route[]
  signingKey: string
  /** Where a request comes from; undefined where there is no socket. */
  addressOf: AddressOf
  /** Who a request is from; throws a `Problem` when that cannot be known, or they are not to be served now. */
  authenticate(request: Request, address: string | undefined): Promise<Principal>
  /** The same of who was let in and still listens: they ask for nothing, and so are not kept waiting. */
  stillGood(request: Request, address: string | undefined): Promise<Principal>
  /** Who asks for what everybody may read, from where; throws a `Problem` when they are not to be served now. */
  admit(address: string | undefined): void
  /** Is told of those who would have changed something, and may not. */
  refused: Refused
  /** Is told of what others were asked to change, who have no audit of ours. */
  passedOn(record: AuditRecord): void
  /** Takes a request to the function that serves the route. */
  forward(route: Route, request: Request, bindings: NodeBindings): Promise<Response>
  /** What the admin has named at paths that are not ours. */
  outside?: FindOutside
  /** Where it is told what requests took. */
  metrics: Pick<Metrics, 'time'>
  tracer: Pick<Tracer, 'start'>
  /** How the metrics are told to admins, where the gateway tells them. */
  tellMetrics?: TellMetrics
}

const metrics: Route = {
  name: 'metrics',
  method: 'get',
  path: '/metrics',
  summary: 'What the system does, in the text format of Prometheus.',
  role: 'admin',
  response: 'text/plain',
  problems: [],
}

/**
 * The front door: the only thing that outside clients reach. It finds the route, finds out who calls, and passes the request
 * on with a signed identity; headers that speak for our own functions are taken away from what comes from outside.
 */
export function gateway(given: GatewayOptions): Hono<{ Bindings: NodeBindings }> {
  const options: Options = { ...given, open: openAnswers(given) }
  const own = [...options.open.keys(), ...(options.tellMetrics ? [metrics] : [])]
  const table = pathTable([...options.routes, ...own])
  const app = new Hono<{ Bindings: NodeBindings }>()
  app.all('*', async (c) => {
    const found = findRoute(table, c.req.method, new URL(c.req.url).pathname)
    const span = startSpan(found, c, options)
    const response = await answerTo(found, c, span, options)
    const route = found.kind === 'route' ? found.route.name : 'none'
    const status = statusOf(response, c.env)
    const labels = { route, status: statusClass(status) }
    options.metrics.time('knit_gateway_duration_seconds', labels, span.since)
    endAnswered(span, status)
    return response
  })
  return app
}

type Call = HonoContext<{ Bindings: NodeBindings }>
type Options = GatewayOptions & { open: ReturnType<typeof openAnswers> }

/** By the words that OpenTelemetry has for what is asked over HTTP. */
function startSpan(found: Found, { req }: Call, { tracer }: GatewayOptions): Span {
  const path = found.kind === 'route' ? found.route.path : undefined
  return tracer.start(path ? `${req.method} ${path}` : req.method, {
    kind: 'server',
    parent: req.header('traceparent'),
    begins: true,
    attributes: { 'http.request.method': req.method, ...(path && { 'http.route': path }) },
  })
}

async function answerTo(found: Found, c: Call, span: Span, options: Options): Promise<Response> {
  const requestId = randomUUID()
  try {
    if (found.kind === 'options') return answer(null, { status: 204, headers: found.headers })
    if (found.kind === 'method')
      return await answerEarly(notAllowed(c.req.raw, requestId, found.allow), c.env ?? {})
    const { traceparent } = span
    if (found.kind === 'absent') return await passOutside(c, { requestId, traceparent }, options)
    return await serve(c, { route: found.route, requestId, traceparent }, options)
  } catch (error) {
    return answerEarly(problemResponse(toProblem(error), c.req.raw, requestId), c.env ?? {})
  }
}

async function passOutside(
  c: Call,
  asked: Omit<Asked, 'route'>,
  options: GatewayOptions,
): Promise<Response> {
  const url = new URL(c.req.url)
  const outside = options.outside?.(c.req.raw.method, url)
  if (!outside) throw nothingAt(c.req.path)
  const bindings = c.env ?? {}
  if ('allow' in outside)
    return answerEarly(notAllowed(c.req.raw, asked.requestId, outside.allow), bindings)
  const { route } = outside
  const about = { ...asked, route, subjects: [url.pathname] }
  const { name: actor, address } = await letIn(options, c.req.raw, bindings, about)
  const record = (status: number) =>
    isWrite(route) && options.passedOn(recordOf(c.req.raw, about, { actor, address, status }))
  try {
    const response = await outside.forward(c.req.raw, bindings)
    record(statusOf(response, bindings))
    return response
  } catch (error) {
    // What they have made of it before it failed, nobody here knows.
    record(problems[toProblem(error).code].status)
    throw error
  }
}

async function serve(c: Call, asked: Asked, options: Options): Promise<Response> {
  const { route, requestId, traceparent } = asked
  const { open, addressOf, admit, tellMetrics, signingKey, forward } = options
  const bindings = c.env ?? {}
  const tell = open.get(route)
  if (tell) {
    admit(addressOf(c.req.raw, bindings))
    return tell(c.req.query('pretty') !== undefined)
  }
  const principal = await letIn(options, c.req.raw, bindings, asked)
  if (route === metrics && tellMetrics) return tellMetrics()
  const headers = new Map(c.req.raw.headers)
  headers.set(identityHeader, await signIdentity(principal, route.name, signingKey))
  headers.set('x-request-id', requestId)
  headers.set('traceparent', traceparent)
  // What somebody signs in with ends here.
  for (const name of ['authorization', 'cookie']) headers.delete(name)
  if (isEndless(route, c.req.raw))
    lookAgain(() => stillLetIn(options, c.req.raw, bindings, route), bindings.outgoing)
  return forward(route, withHeaders(c.req.raw, headers, bindings), bindings)
}

const nothingAt = (path: string): Problem =>
  new Problem(
    'route-not-found',
    `There is nothing at ${path}; /api/openapi.json lists what there is.`,
  )

type Asked = {
  route: Route
  requestId: string
  traceparent: string
  /** What it is about, where that is not what the parameters of the path say. */
  subjects?: string[]
}

/** Who calls, when they may call this route. Who may not change what they wanted to is told of. */
async function letIn(
  { addressOf, authenticate, refused }: GatewayOptions,
  request: Request,
  bindings: NodeBindings,
  asked: Asked,
): Promise<Principal> {
  const { route } = asked
  const address = addressOf(request, bindings)
  let actor: string | undefined
  try {
    const principal = await authenticate(request, address)
    actor = principal.name
    checkRole(principal, route)
    return { ...principal, address }
  } catch (error) {
    const { status } = problems[toProblem(error).code]
    if (isWrite(route) && status < 500)
      refused(recordOf(request, asked, { actor, address, status }))
    throw error
  }
}

/** The query is read as functions do, so that nobody is heard by one and not by the other. */
const isEndless = ({ endless }: Route, { url }: Request): boolean =>
  endless === true || (endless !== undefined && isOn(queryOf(url).get(endless)))

/** Throws a `Problem` when who listens to the answer of a route may not call it any more. */
async function stillLetIn(
  { addressOf, stillGood }: GatewayOptions,
  request: Request,
  bindings: NodeBindings,
  route: Route,
): Promise<void> {
  checkRole(await stillGood(request, addressOf(request, bindings)), route)
}

type Outcome = Pick<AuditRecord, 'actor' | 'address' | 'status'>

const recordOf = (
  request: Request,
  { route, requestId, traceparent, subjects = named(request, route) }: Asked,
  outcome: Outcome,
): AuditRecord => ({
  ...outcome,
  route: route.name,
  subjects,
  requestId,
  trace: traceId(traceparent),
})

/** What stands in the path for its parameters, as it was sent. */
function named({ url }: Request, { path }: Route): string[] {
  const given = new URL(url).pathname.split('/')
  return path.split('/').flatMap((part, at) => (part.startsWith(':') ? (given[at] ?? '') : []))
}

/** What is forwarded has been written by the time it is known here. */
const statusOf = ({ status }: Response, bindings: NodeBindings | undefined): number =>
  bindings?.outgoing?.headersSent ? bindings.outgoing.statusCode : status

function notAllowed(request: Request, requestId: string, allow: string): Response {
  const detail = `Only ${allow} can be used here.`
  const problem = new Problem('method-not-allowed', detail, { headers: { allow } })
  return problemResponse(problem, request, requestId)
}

/** The body stays with the raw request where there is one: reading it here would take it away from the function. */
function withHeaders(
  request: Request,
  headers: Map<string, string>,
  { incoming }: NodeBindings,
): Request {
  const { method, url, body } = request
  const fields = Object.fromEntries(headers)
  if (incoming) return lightRequest({ method, url, headers: fields, signal: () => request.signal })
  const rest = body && { body, duplex: 'half' as const }
  return new Request(url, { method, headers: fields, signal: request.signal, ...rest })
}
