import { randomUUID } from 'node:crypto'
import { Hono, type Context as HonoContext } from 'hono'
import { Problem } from '#shared/contracts/problems.ts'
import type {
  BodyOf,
  ParamsOf,
  QueryOf,
  ResponseOf,
  Route,
  RouteSpec,
} from '#shared/contracts/route.ts'
import { recordAudit } from '#shared/database/audit.ts'
import type { Tx } from '#shared/database/sql.ts'
import type { ClusterCall } from '#shared/ports/cluster.ts'
import { answerEarly } from './answer-early.ts'
import { auditOf } from './audit.ts'
import { contextFor, type Context, type World } from './context.ts'
import { onceFor, requestKey, type Once } from './once.ts'
import { statusClass } from './metrics.ts'
import { checkRole, identityHeader, verifyIdentity, type Principal } from './identity.ts'
import { readJson, readQuery, type NodeBindings } from './read-request.ts'
import { Part } from './page.ts'
import { isLongAnswer, longResponse, type Long, type LongList } from './long-list.ts'
import { jsonText, problemResponse, toProblem } from './respond.ts'
import { traceId } from './trace.ts'
import { endAnswered } from './tracer.ts'
import { answer, LightResponse, queryOf, type Asked } from './web.ts'

/** How a function wants to be deployed; what it leaves out is the platform's default. */
export type Deploy = {
  /** `deployment` for what streams bytes and so must not pass through a proxy that counts and cuts. */
  as?: 'service' | 'deployment'
  /** Instances that are always there. */
  minScale?: number
  /** Instances there are at most, however much waits; where it is not said, as many as the platform likes. */
  maxScale?: number
  /** Requests or events one instance serves at a time. */
  concurrency?: number
  /** Seconds an answer may take; not of what streams. */
  timeout?: number
  /** What it may take of a node, by the words of Kubernetes. */
  limits?: { cpu?: string; memory?: string }
  /** Its metrics tell of the whole system besides itself, as those of one function do. */
  tellsOfSystem?: true
  /** What it calls of cluster and transfers; it gets nothing else, and in a cluster no more rights. */
  uses?: readonly ClusterCall[]
}

export type RouteInput<S extends RouteSpec> = {
  params: ParamsOf<S>
  query: QueryOf<S>
  body: BodyOf<S>
  request: Asked
  bindings: NodeBindings
}

/** What a handler gives back: what is sent as JSON, all of it or page by page, or whole answers where there is another form of it. */
type AnswerOf<S extends RouteSpec> =
  | ResponseOf<S>
  | (ResponseOf<S> extends (infer T)[]
      ? Long<T>[] | LongList<Long<T>> | Part<Long<T>>
      : Long<ResponseOf<S>>)
  | (S extends { also: string } | { parts: true } ? Response : never)

export type RouteContext = Context & Once & { principal: Principal }

/** A route of the API: what the contract says, and how it is done. */
export type RouteFunction = {
  kind: 'route'
  name: string
  contract: Route
  deploy: Deploy
  app(world: World): Hono<{ Bindings: NodeBindings }>
}

/**
 * Serves a contract. The caller's identity is verified and authorised, parameters and body are checked before `handle` is
 * called; what it returns is sent as JSON, or as it is where the contract names a media type. A planned failure is thrown as a
 * `Problem`.
 */
export function defineRoute<S extends RouteSpec>(
  contract: Route<S>,
  handle: (input: RouteInput<S>, ctx: RouteContext) => Promise<AnswerOf<S>>,
  deploy: Deploy = {},
): RouteFunction {
  const serve = async (c: RouteCall, world: World): Promise<Response> => {
    const requestId = c.req.header('x-request-id') ?? randomUUID()
    const span = world.tracer.start(contract.name, {
      kind: 'server',
      parent: c.req.header('traceparent'),
      begins: true,
      attributes: { 'knit.route': contract.name },
    })
    const trace = traceId(span.traceparent)
    const log = world.log.child({ route: contract.name, requestId, trace })
    const done = (response: Response): Response => {
      const { status } = response
      log.debug('served', { status, ms: Math.round(performance.now() - span.since) })
      const labels = { route: contract.name, status: statusClass(status) }
      world.metrics.time('knit_route_duration_seconds', labels, span.since)
      endAnswered(span, status)
      return response
    }
    const asking = queryOf(c.req.url)
    try {
      const principal = await authorise(c.req.header(identityHeader), contract, world)
      const input = await readInput(contract, c, world, asking)
      const ctx = contextFor(world, {
        actor: principal.name,
        span,
        requestId,
        log,
        uses: deploy.uses,
      })
      const { params, query, body } = input
      const asked = { params, query, body }
      const key = requestKey(contract, c.req.raw.headers, principal.name, asked)
      const who = { actor: principal.name, address: principal.address, requestId }
      const record = (tx: Tx, answer: unknown) =>
        recordAudit(tx, auditOf(contract, { ...who, trace }, asked, answer))
      const result = await handle(input, { ...ctx, ...onceFor(ctx, key, record), principal })
      if (typeof contract.response === 'string') return done(result as Response)
      const { value, headers } = result instanceof Part ? result : { value: result, headers: {} }
      if (isLongAnswer(value))
        return done(
          longResponse(value, asking.has('pretty'), c.env ?? {}, {
            headers,
            log,
            count: (bytes) =>
              world.metrics.count('knit_sent_bytes_total', { route: contract.name }, bytes),
            patience: world.config.uploadLease,
          }),
        )
      const shown =
        value instanceof LightResponse ? value : answerOf(contract, value, headers, asking)
      return answerEarly(done(shown as Response), c.env ?? {})
    } catch (error) {
      const problem = toProblem(error)
      if (problem.code === 'unexpected') log.error('request failed', { error })
      else log.debug('request refused', { problem: problem.code, detail: problem.message })
      const response = problemResponse(problem, c.req.raw, requestId, contract.reasons)
      return answerEarly(done(response), c.env ?? {})
    }
  }
  return {
    kind: 'route',
    name: contract.name,
    contract,
    deploy,
    app: (world) => {
      const app = new Hono<{ Bindings: NodeBindings }>({ strict: false })
      app.notFound((c) =>
        problemResponse(nothingThere(contract), c.req.raw, randomUUID(), contract.reasons),
      )
      return app.on(contract.method.toUpperCase(), contract.path, (c) => serve(c, world))
    },
  }
}

function answerOf(
  contract: Route,
  value: unknown,
  headers: Record<string, string>,
  asking: Asking,
): Response {
  const status = contract.status ?? 200
  const head = { status, headers: { 'content-type': 'application/json', ...headers } }
  return answer(value === undefined ? null : jsonText(value, asking.has('pretty')), head)
}

type RouteCall = HonoContext<{ Bindings: NodeBindings }>
type Asking = ReturnType<typeof queryOf>

async function authorise(
  token: string | undefined,
  contract: Route,
  world: World,
): Promise<Principal> {
  const principal = await verifyIdentity(token, contract.name, world.config.signingKey)
  if (!principal)
    throw new Problem(
      'unauthorized',
      'The request carries no valid identity; call the API through the gateway.',
    )
  checkRole(principal, contract)
  return principal
}

async function readInput<S extends RouteSpec>(
  contract: Route<S>,
  c: RouteCall,
  world: World,
  asking: Asking,
): Promise<RouteInput<S>> {
  const params = c.req.param()
  checkIds(contract, params)
  const query = readQuery(contract.query, asking)
  const setting = contract.name === 'plans.apply' ? 'maxPlanBytes' : 'maxBodyBytes'
  const limit = { setting, bytes: world.config[setting] }
  const bindings = c.env ?? {}
  const body = await readJson(contract, c.req.raw, bindings, limit)
  return { params, query, body, request: c.req.raw, bindings } as unknown as RouteInput<S>
}

const things = {
  planId: 'plan',
  runId: 'run',
  knitId: 'data',
  name: 'token',
  id: 'thing',
} as const

/** What a parameter of a path names, and how. */
function namedBy(parameter: string) {
  const thing = things[parameter as keyof typeof things]
  return thing && { thing, by: parameter === 'name' ? 'name' : 'id' }
}

/** Of the path of a contract, only one with an empty id is not found by the router. */
function nothingThere({ params }: Route): Problem {
  const named = namedBy(Object.keys(params?.shape ?? {})[0] ?? '')
  return named
    ? new Problem(`${named.thing}-not-found`, `No ${named.thing} has an empty ${named.by}.`)
    : new Problem('route-not-found', 'This function serves another path.')
}

/** An id that cannot be one names nothing: it never reaches a query. */
function checkIds({ params: schema }: Route, params: Record<string, string>): void {
  for (const [parameter, value] of Object.entries(params)) {
    const named = namedBy(parameter)
    const wrong = schema?.shape[parameter]?.safeParse(value).error?.issues[0]
    if (named && wrong)
      throw new Problem(
        `${named.thing}-not-found`,
        `No ${named.thing} has the ${named.by} "${value}": ${wrong.message}.`,
      )
  }
}
