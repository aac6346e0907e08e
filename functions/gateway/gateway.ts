import { randomUUID } from 'node:crypto'
import { Hono, type Context as HonoContext } from 'hono'
import { Problem } from '#shared/contracts/problems.ts'
import type { Route } from '#shared/contracts/route.ts'
import { checkRole, identityHeader, signIdentity } from '#shared/runtime/identity.ts'
import { statusClass, type Metrics } from '#shared/runtime/metrics.ts'
import type { NodeBindings } from '#shared/runtime/read-request.ts'
import { answerEarly } from '#shared/runtime/answer-early.ts'
import { jsonResponse, problemResponse, toProblem } from '#shared/runtime/respond.ts'
import type { TellMetrics } from '#shared/runtime/tell-metrics.ts'
import { followTrace } from '#shared/runtime/trace.ts'
import { answer, lightRequest } from '#shared/runtime/web.ts'
import type { Authenticate } from './authenticate.ts'
import { findRoute, pathTable, type Found } from './path-table.ts'

export type GatewayOptions = {
  routes: readonly Route[]
  signingKey: string
  /** Who a request is from; throws a `Problem` when that cannot be known. */
  authenticate: Authenticate
  /** Takes a request to the function that serves the route. */
  forward(route: Route, request: Request, bindings: NodeBindings): Promise<Response>
  /** The OpenAPI document of the routes. */
  openapi: object
  /** Where it is told what requests took. */
  metrics: Pick<Metrics, 'time'>
  /** How the metrics are told to admins, where the gateway tells them. */
  tellMetrics?: TellMetrics
}

/** The one thing at a path that no function serves. Everybody may read it. */
const description: Route = {
  name: 'openapi',
  method: 'get',
  path: '/api/openapi.json',
  summary: 'What there is.',
  role: 'viewer',
  response: 'application/json',
  problems: [],
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
export function gateway(options: GatewayOptions): Hono<{ Bindings: NodeBindings }> {
  const own = options.tellMetrics ? [description, metrics] : [description]
  const table = pathTable([...options.routes, ...own])
  const app = new Hono<{ Bindings: NodeBindings }>()
  app.all('*', async (c) => {
    const since = performance.now()
    const found = findRoute(table, c.req.method, new URL(c.req.url).pathname)
    const response = await answerTo(found, c, options)
    const route = found.kind === 'route' ? found.route.name : 'none'
    const status = statusClass(statusOf(response, c.env))
    options.metrics.time('knit_gateway_duration_seconds', { route, status }, since)
    return response
  })
  return app
}

type Call = HonoContext<{ Bindings: NodeBindings }>

async function answerTo(found: Found, c: Call, options: GatewayOptions): Promise<Response> {
  const requestId = randomUUID()
  try {
    if (found.kind === 'options')
      return answer(null, { status: 204, headers: { allow: found.allow } })
    if (found.kind === 'method')
      return await answerEarly(notAllowed(c.req.raw, requestId, found.allow), c.env ?? {})
    if (found.kind === 'absent')
      throw new Problem(
        'route-not-found',
        `There is nothing at ${c.req.path}; /api/openapi.json lists what there is.`,
      )
    return await serve(found.route, c, requestId, options)
  } catch (error) {
    return answerEarly(problemResponse(toProblem(error), c.req.raw, requestId), c.env ?? {})
  }
}

async function serve(
  route: Route,
  c: Call,
  requestId: string,
  { openapi, tellMetrics, authenticate, signingKey, forward }: GatewayOptions,
): Promise<Response> {
  if (route === description) return jsonResponse(openapi, c.req.query('pretty') !== undefined)
  const principal = await authenticate(c.req.raw)
  if (route === metrics && tellMetrics) {
    checkRole(principal, route.role)
    return tellMetrics()
  }
  const headers = new Map(c.req.raw.headers)
  headers.set(identityHeader, await signIdentity(principal, route.name, signingKey))
  headers.set('x-request-id', requestId)
  headers.set('traceparent', followTrace(headers.get('traceparent')))
  const bindings = c.env ?? {}
  return forward(route, withHeaders(c.req.raw, headers, bindings), bindings)
}

/** What is forwarded has been written by the time it is known here. */
const statusOf = ({ status }: Response, bindings: NodeBindings | undefined): number =>
  bindings?.outgoing?.headersSent ? bindings.outgoing.statusCode : status

function notAllowed(request: Request, requestId: string, allow: string): Response {
  const problem = new Problem('method-not-allowed', `Only ${allow} can be used here.`)
  const response = problemResponse(problem, request, requestId)
  response.headers.set('allow', allow)
  return response
}

/** The body stays with the raw request where there is one: reading it here would take it away from the function. */
function withHeaders(
  { method, url, body, signal }: Request,
  headers: Map<string, string>,
  { incoming }: NodeBindings,
): Request {
  if (incoming) return lightRequest({ method, url, headers, signal })
  const rest = body && { body, duplex: 'half' as const }
  return new Request(url, { method, headers: [...headers], signal, ...rest })
}
