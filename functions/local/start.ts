import { rmSync } from 'node:fs'
import { inProcessBus } from '#shared/adapters/in-process-bus.ts'
import { HOST_IMAGE } from '#shared/adapters/local-cluster/images.ts'
import { localCluster, type LocalCluster } from '#shared/adapters/local-cluster/local-cluster.ts'
import { ownProcess } from '#shared/adapters/local-cluster/processes.ts'
import { keepDeadLetter } from '#shared/database/dead-letters.ts'
import type { LocalStart } from '#shared/domain/local-start.ts'
import { localLog } from '#shared/files/home-folder.ts'
import { systemClock } from '#shared/ports/clock.ts'
import type { Log } from '#shared/ports/log.ts'
import { configFrom, variableOf, type Config } from '#shared/runtime/config.ts'
import type { World } from '#shared/runtime/context.ts'
import { createLog } from '#shared/runtime/log.ts'
import { createMetrics } from '#shared/runtime/metrics.ts'
import { observedBus } from '#shared/runtime/observed-bus.ts'
import { openTracer } from '#shared/runtime/open-tracer.ts'
import { createRelay } from '#shared/runtime/relay.ts'
import { endsWithin } from '#shared/runtime/within.ts'
import { isOpenToAll } from '../gateway/authenticate.ts'
import { CannotStart, homeFolder, openHome, ownerOf, secretOf, type Home } from './home.ts'
import { chooseEngine } from './choose-engine.ts'
import { openEmbedded, openExternal } from './database.ts'
import { openDoor } from './door.ts'
import { databaseFolder, keptLogs } from './kept-logs.ts'
import { ownLog } from './own-log.ts'

/** A local home that answers. */
export type LocalHome = {
  folder: string
  apiRoot: string
  world: World
  /** Ends everything it started: requests and steps in progress first, workers, then the database. */
  stop(): Promise<void>
}

/**
 * Starts a local home: its database, every function, and the door. Throws `CannotStart` for what a user can mend, and when it is
 * asked to stop meanwhile.
 */
export async function startLocalHome(
  options: LocalStart,
  env: NodeJS.ProcessEnv,
  stop?: AbortSignal,
): Promise<LocalHome> {
  // What has been started is ended again, in reverse, when something after it cannot start.
  await using started = new AsyncDisposableStack()
  const home = openHome(homeFolder(options.home, env))
  started.defer(() => home.leave())
  const config = settingsOf(options, home, env)
  const write = ownLog(home.path(localLog))
  const log = createLog({ format: config.logFormat, level: config.logLevel, write })
  const tracer = openTracer(env, { name: 'knitfab', release: config.release }, log)
  started.defer(async () => void (await endsWithin(5, tracer.close())))

  const database = options.database
    ? await openExternal(options.database, config, {
        own: ownerOf(home),
        adopts: options.adopt === true,
        log,
        // As if it were asked to stop.
        onTaken: () => void process.kill(process.pid, 'SIGTERM'),
      })
    : await openEmbedded(home.path(databaseFolder), log, config)
  started.defer(() => database.close())
  stop?.throwIfAborted()
  const { sql, reads } = database
  const bus = inProcessBus({
    signer: config,
    log,
    deliver: (step, message) => door.deliver(step, message),
    giveUp: (step, event, cause) => keepDeadLetter(sql, step, event, cause),
    concurrency: (step) => door.concurrency(step),
  })
  const metrics = createMetrics(sql, reads)
  const relay = createRelay(sql, observedBus(bus, { metrics, tracer }), log)
  const onChange = (worker: string) => void tellChange(bus, worker)
  const grace = 1000 * config.workerGrace
  const cluster = await openCluster(options, home, { env, log, onChange, grace })
  started.defer(() => cluster.close({ stopWorkers: true }))
  stop?.throwIfAborted()

  const world: World = {
    config,
    sql,
    reads,
    bus,
    cluster,
    transfers: cluster,
    clock: systemClock,
    log,
    logs: keptLogs(home.folder, cluster),
    metrics,
    tracer,
    relay,
  }
  const door = await openDoor(world)
  started.defer(async () => {
    await endsWithin(config.grace, Promise.all([clock.stop(), bus.close(), relay.settled()]))
  })
  started.defer(() => door.close())

  const clock = everySoOften(config.sweepInterval * 1000, () => door.tick())
  announce(home, door.apiRoot, { engine: cluster.engine, token: config.token })
  started.defer(() => rmSync(home.path('local.json'), { force: true }))

  const running = started.move()
  return {
    folder: home.folder,
    apiRoot: door.apiRoot,
    world,
    stop: () => running.disposeAsync(),
  }
}

/** What runs programs, tried once, so that what this machine lacks is told now and not by every run. */
async function openCluster(
  options: LocalStart,
  home: Home,
  { env, log, onChange, grace }: Surroundings,
): Promise<LocalCluster> {
  const place = { folder: home.folder, env }
  const engine = await chooseEngine(options.engine, place, log)
  const cluster = localCluster({ ...place, engine, onChange, grace })
  const problem = await cluster.check()
  if (problem === undefined) return cluster
  if (engine) {
    log.warn(`no program can use the image ${HOST_IMAGE} on this machine`, { error: problem })
    return cluster
  }
  await cluster.close({ stopWorkers: true })
  throw new CannotStart(
    `Programs cannot be run on this machine: ${problem}\nInstall an engine for containers, such as podman, or see that this user may make namespaces.`,
  )
}

type Surroundings = {
  env: NodeJS.ProcessEnv
  log: Log
  onChange: (worker: string) => void
  /** How long programs may take to end by themselves, in milliseconds. */
  grace: number
}

function settingsOf(options: LocalStart, home: Home, env: NodeJS.ProcessEnv): Config {
  const { port, database, auth } = options
  const config = configFrom({
    KNIT_LOG_FORMAT: 'text',
    // Whoever stops a program, or a home, of his own waits for it.
    KNIT_WORKER_GRACE: '2',
    KNIT_HOST: '127.0.0.1',
    KNIT_PORT: '30803',
    ...env,
    ...(port !== undefined && { KNIT_PORT: port }),
    [variableOf('databaseUrl')]: database ?? 'embedded',
    [variableOf('signingKey')]: secretOf(home, 'signing-key'),
    ...(auth && { KNIT_TOKEN: env['KNIT_TOKEN'] || secretOf(home, 'token') }),
  })
  if (config.oidcIssuer !== undefined && config.token === undefined)
    throw new CannotStart(
      `${variableOf('oidcIssuer')} names who signs people in, and this home asks nobody who they are.\nAsk: knit local start --auth`,
    )
  if (isOpenToAll(config))
    throw new CannotStart(
      `Listening on ${config.host} would let everybody in.\nAsk for a token: knit local start --auth, or listen on 127.0.0.1.`,
    )
  return config
}

async function tellChange(bus: World['bus'], worker: string): Promise<void> {
  const event = { id: crypto.randomUUID(), name: 'worker.changed', subject: worker } as const
  // A bus that is closing takes nothing, and nothing is lost by that.
  await bus.publish([{ ...event, data: { worker }, time: new Date() }]).catch(() => {})
}

/** Calls `tick` at once and then again and again, never twice at a time. */
function everySoOften(interval: number, tick: () => Promise<void>): { stop(): Promise<void> } {
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  const turn = async (): Promise<void> => {
    await tick()
    if (!stopped) timer = setTimeout(next, interval)
  }
  let current: Promise<void>
  const next = (): void => {
    current = turn()
  }
  next()
  return {
    stop: () => {
      stopped = true
      clearTimeout(timer)
      return current
    },
  }
}

/** Writes where the home is to be found: for `knit local status`, and for `knit init`. */
function announce(
  home: Home,
  apiRoot: string,
  { engine, token }: { engine: string; token: string | undefined },
): void {
  const credential = token === undefined ? '' : `token: ${JSON.stringify(token)}\n`
  home.write('knitprofile', `apiRoot: ${apiRoot}\n${credential}`)
  const status = {
    pid: process.pid,
    startTime: ownProcess().since,
    apiRoot,
    engine,
    auth: token !== undefined,
    home: home.folder,
    startedAt: new Date().toISOString(),
  }
  home.write('local.json', `${JSON.stringify(status, null, 2)}\n`)
}
