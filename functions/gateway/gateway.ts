import { randomUUID } from 'node:crypto'
import { Hono } from 'hono'
import { Problem, problems } from '#shared/contracts/problems.ts'
import { isWrite, type Route } from '#shared/contracts/route.ts'
import {
  checkRole,
  identityHeader,
  signIdentity,
  type Principal,
} from '#shared/runtime/identity.ts'
import type { NodeBindings } from '#shared/runtime/read-request.ts'
import { answerEarly } from '#shared/runtime/answer-early.ts'
import { jsonResponse, problemResponse, toProblem } from '#shared/runtime/respond.ts'
import { followTrace, traceId } from '#shared/runtime/trace.ts'
import { answer, lightRequest } from '#shared/runtime/web.ts'
import type { AddressOf } from './client-address.ts'
import { docsPage } from './docs-page.ts'
import type { FindOutside } from './extra-apis.ts'
import { findRoute, pathTable } from './path-table.ts'
import type { Refused } from './refusals.ts'

export type GatewayOptions = {
  routes: readonly Route[]
  signingKey: string
  /** Where a request comes from; undefined where there is no socket. */
  addressOf: AddressOf
  /** Who a request is from; throws a `Problem` when that cannot be known, or they are not to be served now. */
  authenticate(request: Request, address: string | undefined): Promise<Principal>
  /** Is told of those who would have changed something, and may not. */
  refused: Refused
  /** Takes a request to the function that serves the route. */
  forward(route: Route, request: Request, bindings: NodeBindings): Promise<Response>
  /** What the admin has named at paths that are not ours. */
  outside?: FindOutside
  /** The OpenAPI document of the routes. */
  openapi: object
}

/** What no function serves: what there is, for programs and for people. Everybody may read it. */
const description: Route = {
  name: 'openapi',
  method: 'get',
  path: '/api/openapi.json',
  summary: 'What there is.',
  role: 'viewer',
  response: 'application/json',
  problems: [],
}
const docs: Route = { ...description, name: 'docs', path: '/api/docs', response: 'text/html' }

const ofPage = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'",
  'x-content-type-options': 'nosniff',
}

/**
 * The front door: the only thing that outside clients reach. It finds the route, finds out who calls, and passes the request
 * on with a signed identity; headers that speak for our own functions are taken away from what comes from outside.
 */
export function gateway(options: GatewayOptions): Hono<{ Bindings: NodeBindings }> {
  const table = pathTable([...options.routes, description, docs])
  const app = new Hono<{ Bindings: NodeBindings }>()
  app.all('*', async (c) => {
    const requestId = randomUUID()
    try {
      const found = findRoute(table, c.req.method, new URL(c.req.url).pathname)
      if (found.kind === 'options')
        return answer(null, { status: 204, headers: { allow: found.allow } })
      if (found.kind === 'method')
        return await answerEarly(notAllowed(c.req.raw, requestId, found.allow), c.env ?? {})
      const bindings = c.env ?? {}
      const headers = new Map(c.req.raw.headers)
      const traceparent = followTrace(headers.get('traceparent'))
      if (found.kind === 'absent') {
        const outside = options.outside?.(c.req.raw.method, new URL(c.req.url))
        if (!outside) throw nothingAt(c.req.path)
        await letIn(options, c.req.raw, bindings, { route: outside.route, requestId, traceparent })
        return await outside.forward(c.req.raw, bindings)
      }
      const { route } = found
      if (route === description)
        return jsonResponse(options.openapi, c.req.query('pretty') !== undefined)
      if (route === docs) return answer(docsPage(options.openapi), { headers: ofPage })
      const call = { route, requestId, traceparent }
      const principal = await letIn(options, c.req.raw, bindings, call)
      headers.set(identityHeader, await signIdentity(principal, route.name, options.signingKey))
      headers.set('x-request-id', requestId)
      headers.set('traceparent', call.traceparent)
      // What somebody signs in with ends here.
      for (const name of ['authorization', 'cookie']) headers.delete(name)
      return await options.forward(route, withHeaders(c.req.raw, headers, bindings), bindings)
    } catch (error) {
      return answerEarly(problemResponse(toProblem(error), c.req.raw, requestId), c.env ?? {})
    }
  })
  return app
}

const nothingAt = (path: string): Problem =>
  new Problem(
    'route-not-found',
    `There is nothing at ${path}; /api/openapi.json lists what there is.`,
  )

type Call = { route: Route; requestId: string; traceparent: string }

/** Who calls, when they may call this route. Who may not change what they wanted to is told of. */
async function letIn(
  { addressOf, authenticate, refused }: GatewayOptions,
  request: Request,
  bindings: NodeBindings,
  { route, requestId, traceparent }: Call,
): Promise<Principal> {
  const address = addressOf(request, bindings)
  let actor: string | undefined
  try {
    const principal = await authenticate(request, address)
    actor = principal.name
    checkRole(principal, route)
    return { ...principal, address }
  } catch (error) {
    const { status } = problems[toProblem(error).code]
    const trace = traceId(traceparent)
    if (isWrite(route) && status < 500)
      refused({
        actor,
        address,
        route: route.name,
        subjects: named(request, route),
        status,
        requestId,
        trace,
      })
    throw error
  }
}

/** What stands in the path for its parameters, as it was sent. */
function named({ url }: Request, { path }: Route): string[] {
  const given = new URL(url).pathname.split('/')
  return path.split('/').flatMap((part, at) => (part.startsWith(':') ? (given[at] ?? '') : []))
}

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
