import { randomUUID } from 'node:crypto'
import { Hono } from 'hono'
import { Problem } from '#shared/contracts/problems.ts'
import type { Route } from '#shared/contracts/route.ts'
import { identityHeader, signIdentity } from '#shared/runtime/identity.ts'
import type { NodeBindings } from '#shared/runtime/read-request.ts'
import { answerEarly } from '#shared/runtime/answer-early.ts'
import { jsonResponse, problemResponse, toProblem } from '#shared/runtime/respond.ts'
import { followTrace } from '#shared/runtime/trace.ts'
import { answer, lightRequest } from '#shared/runtime/web.ts'
import type { Authenticate } from './authenticate.ts'
import { findRoute, pathTable } from './path-table.ts'

export type GatewayOptions = {
  routes: readonly Route[]
  signingKey: string
  /** Who a request is from; throws a `Problem` when that cannot be known. */
  authenticate: Authenticate
  /** Takes a request to the function that serves the route. */
  forward(route: Route, request: Request, bindings: NodeBindings): Promise<Response>
  /** The OpenAPI document of the routes. */
  openapi: object
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

/**
 * The front door: the only thing that outside clients reach. It finds the route, finds out who calls, and passes the request
 * on with a signed identity; headers that speak for our own functions are taken away from what comes from outside.
 */
export function gateway(options: GatewayOptions): Hono<{ Bindings: NodeBindings }> {
  const table = pathTable([...options.routes, description])
  const app = new Hono<{ Bindings: NodeBindings }>()
  app.all('*', async (c) => {
    const requestId = randomUUID()
    try {
      const found = findRoute(table, c.req.method, new URL(c.req.url).pathname)
      if (found.kind === 'options')
        return answer(null, { status: 204, headers: { allow: found.allow } })
      if (found.kind === 'method')
        return await answerEarly(notAllowed(c.req.raw, requestId, found.allow), c.env ?? {})
      if (found.kind === 'absent')
        throw new Problem(
          'route-not-found',
          `There is nothing at ${c.req.path}; /api/openapi.json lists what there is.`,
        )
      const { route } = found
      if (route === description)
        return jsonResponse(options.openapi, c.req.query('pretty') !== undefined)
      const principal = await options.authenticate(c.req.raw)
      const headers = new Map(c.req.raw.headers)
      headers.set(identityHeader, await signIdentity(principal, route.name, options.signingKey))
      headers.set('x-request-id', requestId)
      headers.set('traceparent', followTrace(headers.get('traceparent')))
      const bindings = c.env ?? {}
      return await options.forward(route, withHeaders(c.req.raw, headers, bindings), bindings)
    } catch (error) {
      return answerEarly(problemResponse(toProblem(error), c.req.raw, requestId), c.env ?? {})
    }
  })
  return app
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
