import '#shared/files/private-memory.ts'
import type { Server } from 'node:http'
import type { Server as TlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Hono } from 'hono'
import { roomForAll } from '#shared/adapters/kubernetes-cluster/room-for-all.ts'
import { directBus, httpBus } from '#shared/adapters/http-bus.ts'
import { isWrite, type Route } from '#shared/contracts/route.ts'
import { BadDatabaseUrl, connect, readingFor, waitingFor, type Sql } from '#shared/database/sql.ts'
import { systemClock } from '#shared/ports/clock.ts'
import { BadSettings, configFrom, everywhere, variableOf, type Config } from './config.ts'
import type { World } from './context.ts'
import type { Deploy } from './define-route.ts'
import { withHealth, type Fetch } from './health.ts'
import { closeServer, httpServer, httpsServer } from './http-server.ts'
import { createLog } from './log.ts'
import { createMetrics } from './metrics.ts'
import { observedBus } from './observed-bus.ts'
import { openTracer } from './open-tracer.ts'
import { createRelay } from './relay.ts'
import { withSchema } from './with-schema.ts'
import type { NodeBindings } from './read-request.ts'
import { onlyMetrics, tellMetrics } from './tell-metrics.ts'
import { certificateIn, followCertificate } from './tls.ts'
import { endsWithin } from './within.ts'

/** What can be served: a route, a step, the gateway. */
export type ServedFunction = {
  name: string
  /** What a route promises. */
  contract?: Route
  deploy: Deploy
  app(world: World): Hono<{ Bindings: NodeBindings }>
  /** What it does with its server before that listens. */
  onServer?(server: Server | TlsServer, config: Config): void
}

/** Where volumes and workers are, as the settings say. */
export type OpenCluster = (config: Config) => World['cluster'] & World['transfers']

/**
 * Serves one function over HTTP, as the environment says, until SIGTERM; ends with exit code 0 once its work is done. Only
 * functions that call it are given a cluster to open.
 */
export function serve(fn: ServedFunction, openCluster?: OpenCluster): void {
  try {
    start(fn, configFrom(process.env), openCluster)
  } catch (error) {
    if (!(error instanceof BadSettings)) throw error
    // Every mistake is named, and nothing else.
    console.error(error.message)
    process.exit(1)
  }
}

function start(fn: ServedFunction, config: Config, openCluster?: OpenCluster): void {
  const log = createLog({ format: config.logFormat, level: config.logLevel }, { function: fn.name })
  const world = worldOf(fn, config, log, openCluster)
  const server = serverOf(withHealth(world, withSchema(world, fn.app(world).fetch)), world)
  fn.onServer?.(server, config)
  const metrics = metricsServer(fn, world)
  process.once('SIGTERM', () => void stop([server, ...(metrics ? [metrics] : [])], world))
  // Without a host nothing has to be looked up, and a machine without IPv6 is served as well.
  const host = config.host === everywhere ? undefined : config.host
  server.listen({ port: config.port, host }, () => {
    log.info('serving', { port: (server.address() as AddressInfo).port })
    metrics?.listen({ port: config.metricsPort, host }, () =>
      log.info('telling metrics', { port: (metrics.address() as AddressInfo).port }),
    )
  })
}

/** A port of its own, to which no service leads: what the system does is not for everybody who may call it. */
function metricsServer({ deploy }: ServedFunction, world: World): Server | undefined {
  if (world.config.metricsPort === undefined) return undefined
  const tell = tellMetrics(world, { ofSystem: deploy.tellsOfSystem === true })
  return httpServer(onlyMetrics(tell), world.config)
}

function serverOf(fetch: Fetch, { config, log }: World): Server | TlsServer {
  const { tlsFolder } = config
  if (!tlsFolder) return httpServer(fetch, config)
  const server = httpsServer(fetch, certificateIn(tlsFolder), config)
  followCertificate(server, tlsFolder, (error) =>
    log.warn('the certificate could not be read', { error }),
  )
  return server
}

function worldOf(
  { name, contract }: ServedFunction,
  config: Config,
  log: World['log'],
  openCluster: OpenCluster = clusterWithoutCalls,
): World {
  const sql = databaseOf(config, contract)
  const bus = config.brokerUrl
    ? httpBus(config.brokerUrl, name, config)
    : absent<World['bus']>('KNIT_BROKER_URL')
  const direct = directBus(config.functionUrl, name, config)
  const cluster = config.namespace
    ? openCluster(config)
    : absent<ReturnType<OpenCluster>>('KNIT_NAMESPACE')
  const metrics = createMetrics(sql)
  const tracer = openTracer(process.env, { name, release: config.release }, log)
  const told = { log, metrics, tracer }
  const relay = createRelay(sql, observedBus(bus, told), log)
  const clock = systemClock
  return { config, sql, bus, direct, cluster, transfers: cluster, clock, ...told, relay }
}

function databaseOf(config: Config, contract: Route | undefined): Sql {
  const { databaseUrl, databaseConnections: max, statementTimeout } = config
  const sessionFor = contract && !isWrite(contract) ? readingFor : waitingFor
  try {
    return connect(databaseUrl, { max, ...sessionFor(statementTimeout) })
  } catch (error) {
    if (!(error instanceof BadDatabaseUrl)) throw error
    throw new BadSettings(`${variableOf('databaseUrl')} is ${error.message}.`)
  }
}

/** Of a cluster everybody may know what it has room for. */
const clusterWithoutCalls: OpenCluster = () =>
  absent<ReturnType<OpenCluster>>('calls of its cluster', roomForAll)

/** Something a function may not need, or not all of it: it starts without, and says what is missing when it is used. */
function absent<T extends object>(what: string, there: Partial<T> = {}): T {
  return new Proxy(there as T, {
    get: (target, name) =>
      Reflect.get(target, name) ??
      (async () => {
        throw new Error(`this function was started without ${what}`)
      }),
  })
}

async function stop(
  servers: (Server | TlsServer)[],
  { sql, relay, config, log, tracer }: World,
): Promise<void> {
  log.info('stopping: no new requests are taken')
  await Promise.all(servers.map((server) => closeServer(server, config.grace)))
  await endsWithin(config.grace, relay.settled())
  await Promise.all([sql.end({ timeout: 5 }), endsWithin(5, tracer.close())])
  process.exit(0)
}
