import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import fastify, { LogController, type FastifyInstance, type FastifyRequest } from 'fastify'
import * as z from 'zod'
import { Problem } from '#shared/contracts/problems.ts'
import type { Route } from '#shared/contracts/route.ts'
import type { Sql } from '#shared/database/sql.ts'
import type { World } from '#shared/runtime/context.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { withHealth } from '#shared/runtime/health.ts'
import { httpServer } from '#shared/runtime/http-server.ts'
import { checkRole, identityHeader, verifyIdentity } from '#shared/runtime/identity.ts'
import { createLog } from '#shared/runtime/log.ts'
import { createMetrics, statusClass } from '#shared/runtime/metrics.ts'
import { readText } from '#shared/runtime/read-request.ts'
import { answer } from '#shared/runtime/web.ts'
import { openGateway } from '../../functions/gateway/open-gateway.ts'
import { asJsonSchema, describedRoutes, type DescribedRoute } from './described-routes.ts'
import { worldOf } from './world.ts'

/*
 * A program of its own: all routes, with handlers that know their answer, served by who is named. What is left is what is done
 * around handlers.
 */

const [who = '', token = ''] = process.argv.slice(2)
// What is logged is made and thrown away.
const sink = { write: () => {} }
const noDatabase = {} as Sql
const maxBytes = 64 * 1024

const bare = worldOf(noDatabase)
const world: World = {
  ...bare,
  config: { ...bare.config, token, maxRequestRate: 1e7 },
  log: createLog({ format: 'json', level: 'debug', write: sink.write }),
}

/** The functions as in a cluster: each by a server of its own. */
function functions(): Served {
  const served = describedRoutes.map((route): [string, Server] => {
    const { name, app } = defineRoute(route.contract, handlerOf(route))
    return [name, httpServer(withHealth(world, app(world).fetch))]
  })
  return new Map(served)
}

/** The same functions behind the gateway, as in a local home. */
function home(): Server {
  const apps = new Map(
    describedRoutes.map((route) => {
      const { name, app } = defineRoute(route.contract, handlerOf(route))
      return [name, app(world)]
    }),
  )
  const front = openGateway(world, {
    routes: describedRoutes.map(({ contract }) => contract),
    forward: async (route, request, bindings) => {
      const app = apps.get(route.name)
      if (!app) throw new Error(`there is no ${route.name}`)
      return app.fetch(request, bindings)
    },
  })
  return httpServer(withHealth(world, front.fetch))
}

/** The server of each route. */
type Served = ReadonlyMap<string, Server>

type Handler = Parameters<typeof defineRoute>[1]

const handlerOf =
  ({ contract, answer: known }: DescribedRoute): Handler =>
  async ({ request, bindings }) => {
    if (typeof contract.body === 'string')
      await readText(request, bindings, { setting: 'maxBodyBytes', bytes: maxBytes })
    return typeof contract.response === 'string'
      ? answer(String(known), { headers: { 'content-type': contract.response } })
      : (known as Response)
  }

declare module 'fastify' {
  interface FastifyContextConfig {
    contract?: Route
  }
}

function contractOf({ routeOptions: { config } }: FastifyRequest): Route {
  if (!config.contract) throw new Problem('route-not-found', 'There is no such route.')
  return config.contract
}

/** The same work by Fastify: who calls, may they, a request id, checks of what is given, a line of log, metrics. */
async function peer(): Promise<Server> {
  const metrics = createMetrics(noDatabase)
  const app = fastify({
    logger: { level: 'info', stream: sink },
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: ({ headers }) => String(headers['x-request-id'] ?? randomUUID()),
    exposeHeadRoutes: false,
    bodyLimit: maxBytes,
    ajv: { customOptions: { strict: false } },
  })
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
  app.addHook('onRequest', async (request) => {
    const contract = contractOf(request)
    const identity = request.headers[identityHeader]
    const principal = await verifyIdentity(String(identity), contract.name, world.config.signingKey)
    if (!principal) throw new Problem('unauthorized', 'A valid identity is needed.')
    checkRole(principal, contract)
  })
  app.addHook('onResponse', (request, { statusCode, elapsedTime }, done) => {
    const route = contractOf(request).name
    request.log.info({ route, status: statusCode, ms: Math.round(elapsedTime) }, 'served')
    const labels = { route, status: statusClass(statusCode) }
    metrics.time('knit_route_duration_seconds', labels, performance.now() - elapsedTime)
    done()
  })
  for (const route of describedRoutes) addRoute(app, route)
  await app.ready()
  return app.server
}

function addRoute(app: FastifyInstance, { contract, answer: known }: DescribedRoute): void {
  const { method, path: url, params, query, body, response } = contract
  const isJson = response instanceof z.ZodType && !(response instanceof z.ZodVoid)
  const status = contract.status ?? 200
  app.route({
    method,
    url,
    config: { contract },
    schema: {
      ...(params && { params: asJsonSchema(params, 'input') }),
      ...(query && { querystring: asJsonSchema(query, 'input') }),
      ...(body instanceof z.ZodType && { body: asJsonSchema(body, 'input') }),
      ...(isJson && { response: { [status]: asJsonSchema(response, 'output') } }),
    },
    handler: async (_request, reply) => {
      reply.code(status)
      reply.type(typeof response === 'string' ? response : 'application/json')
      return known
    },
  })
}

/** Nothing but HTTP: the body is read, the answer is written. */
function raw(): Server {
  const known = new Map(
    describedRoutes.map((route) => [
      `${route.contract.method.toUpperCase()} ${route.target}`,
      route,
    ]),
  )
  return createServer((request, response) => {
    const route = known.get(`${request.method} ${request.url}`)
    if (!route) return void response.writeHead(404).end()
    const { contract, answer: content } = route
    const isText = typeof contract.response === 'string'
    const send = () => {
      const text = isText ? String(content) : content === undefined ? '' : JSON.stringify(content)
      const type = isText ? contract.response : 'application/json'
      const length = contract.status === 204 ? {} : { 'content-length': Buffer.byteLength(text) }
      response.writeHead(contract.status ?? 200, { 'content-type': String(type), ...length })
      response.end(text)
    }
    if (route.body === undefined) return send()
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      if (route.type === 'application/json') JSON.parse(body)
      send()
    })
  })
}

const forAll = (server: Server): Served =>
  new Map(describedRoutes.map(({ contract }) => [contract.name, server]))

const servers: Record<string, () => Served | Promise<Served>> = {
  ours: functions,
  home: () => forAll(home()),
  fastify: async () => forAll(await peer()),
  raw: () => forAll(raw()),
}

const served = await servers[who]?.()
if (!served) throw new Error(`nobody is called ${who}`)
for (const server of new Set(served.values())) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
}
const portOf = (server: Server): number => (server.address() as AddressInfo).port
process.send?.(Object.fromEntries([...served].map(([name, server]) => [name, portOf(server)])))
process.once('disconnect', () => process.exit())
