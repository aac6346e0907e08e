import { rmSync } from 'node:fs'
import {
  startPostgres,
  type RunningPostgres,
} from '#shared/adapters/embedded-postgres/start-postgres.ts'
import { inProcessBus } from '#shared/adapters/in-process-bus.ts'
import { HOST_IMAGE } from '#shared/adapters/local-cluster/images.ts'
import { localCluster, type LocalCluster } from '#shared/adapters/local-cluster/local-cluster.ts'
import { ownProcess } from '#shared/adapters/local-cluster/processes.ts'
import { migrate } from '#shared/database/migrate.ts'
import { keepDeadLetter } from '#shared/database/outbox.ts'
import { connect, type Sql } from '#shared/database/sql.ts'
import { systemClock } from '#shared/ports/clock.ts'
import type { Log } from '#shared/ports/log.ts'
import { configFrom, variableOf, type Config } from '#shared/runtime/config.ts'
import type { World } from '#shared/runtime/context.ts'
import { createLog } from '#shared/runtime/log.ts'
import { createRelay } from '#shared/runtime/relay.ts'
import { isOpenToAll } from '../gateway/authenticate.ts'
import { CannotStart, homeFolder, openHome, secretOf, type Home } from './home.ts'
import { chooseEngine } from './choose-engine.ts'
import { openDoor } from './door.ts'

export type StartOptions = {
  home?: string | undefined
  port?: string | undefined
  engine?: string | undefined
  database?: string | undefined
}

/** A local home that answers. */
export type LocalHome = {
  folder: string
  apiRoot: string
  world: World
  /** Rejects when something the home cannot do without has ended by itself. */
  failed: Promise<never>
  /** Ends everything it started: requests and steps in progress first, workers, then the database. */
  stop(): Promise<void>
}

const sweepInterval = 10_000

/** Starts a local home: its database, every function, and the door. Throws `CannotStart` for what a user can mend. */
export async function startLocalHome(
  options: StartOptions,
  env: NodeJS.ProcessEnv,
): Promise<LocalHome> {
  // What has been started is ended again, in reverse, when something after it cannot start.
  await using started = new AsyncDisposableStack()
  const home = openHome(homeFolder(options.home, env))
  started.defer(() => home.leave())
  const config = settingsOf(options, home, env)
  const log = createLog({ format: config.logFormat, level: config.logLevel })
  const failure = Promise.withResolvers<never>()
  failure.promise.catch(() => {})

  const database = await openDatabase(options.database, home, log, failure.reject)
  started.defer(() => database.close())
  const { sql } = database
  const bus = inProcessBus({
    signer: config,
    log,
    deliver: (step, request) => door.deliver(step, request),
    giveUp: (step, event, cause) => keepDeadLetter(sql, step, event, cause),
    concurrency: (step) => door.concurrency(step),
  })
  const relay = createRelay(sql, bus, log)
  const onChange = (worker: string) => void tellChange(bus, worker)
  const cluster = await openCluster(options, home, { env, log, onChange })
  started.defer(() => cluster.close({ stopWorkers: true }))

  const world: World = {
    config,
    sql,
    bus,
    cluster,
    transfers: cluster,
    clock: systemClock,
    log,
    relay,
  }
  const door = await openDoor(world)
  started.defer(() => relay.settled())
  started.defer(() => bus.close())
  started.defer(() => door.close())

  const clock = everySoOften(sweepInterval, () => door.tick())
  started.defer(() => clock.stop())
  announce(home, door.apiRoot, cluster.engine)
  started.defer(() => rmSync(home.path('local.json'), { force: true }))

  const running = started.move()
  return {
    folder: home.folder,
    apiRoot: door.apiRoot,
    world,
    failed: failure.promise,
    stop: () => running.disposeAsync(),
  }
}

/** What runs programs, tried once, so that what this machine lacks is told now and not by every run. */
async function openCluster(
  options: StartOptions,
  home: Home,
  { env, log, onChange }: Surroundings,
): Promise<LocalCluster> {
  const place = { folder: home.folder, env }
  const engine = await chooseEngine(options.engine, place, log)
  const cluster = localCluster({ ...place, engine, onChange })
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
}

function settingsOf(options: StartOptions, home: Home, env: NodeJS.ProcessEnv): Config {
  const { port, database } = options
  const isFlag = (setting: string) => setting === 'port' && port !== undefined
  const config = configFrom(
    {
      KNIT_LOG_FORMAT: 'text',
      KNIT_HOST: '127.0.0.1',
      KNIT_PORT: '30803',
      ...env,
      ...(port !== undefined && { KNIT_PORT: port }),
      [variableOf('databaseUrl')]: database ?? 'embedded',
      [variableOf('signingKey')]: secretOf(home, 'signing-key'),
    },
    (setting) => (isFlag(setting) ? `--${setting}` : variableOf(setting)),
  )
  if (isOpenToAll(config))
    throw new CannotStart(
      `Listening on ${config.host} would let everybody in.\nSet KNIT_TOKEN, which callers then have to know, or listen on 127.0.0.1.`,
    )
  return config
}

type Database = { sql: Sql; close(): Promise<void> }

async function openDatabase(
  url: string | undefined,
  home: Home,
  log: Log,
  fail: (error: Error) => void,
): Promise<Database> {
  if (url !== undefined) return openExternal(url)
  let server = await startPostgres({ folder: home.path('postgres'), log })
  const sql = connect(server.url, server.options)
  await migrate(sql)
  let closing = false
  // A database that dies is started again: what it acknowledged is on disk.
  const watch = async (watched: RunningPostgres): Promise<void> => {
    const { tail } = await watched.exited
    if (closing) return
    log.error('the database ended by itself and is started again', { error: tail })
    server = await startPostgres({ folder: home.path('postgres'), log })
    if (closing) await server.stop()
    else void watch(server).catch(fail)
  }
  void watch(server).catch(fail)
  return {
    sql,
    close: async () => {
      closing = true
      await sql.end({ timeout: 5 })
      await server.stop()
    },
  }
}

async function openExternal(url: string): Promise<Database> {
  const sql = connect(url)
  const close = () => sql.end({ timeout: 5 })
  try {
    await migrate(sql)
    return { sql, close }
  } catch (error) {
    await close()
    const { message } = error as Error
    throw new CannotStart(
      `The database of --database cannot be used: ${message}\nCheck that it runs and that its URL is right: postgres://USER:PASSWORD@HOST/DATABASE`,
    )
  }
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
function announce(home: Home, apiRoot: string, engine: string): void {
  home.write('knitprofile', `apiRoot: ${apiRoot}\n`)
  const status = {
    pid: process.pid,
    startTime: ownProcess().since,
    apiRoot,
    engine,
    home: home.folder,
    startedAt: new Date().toISOString(),
  }
  home.write('local.json', `${JSON.stringify(status, null, 2)}\n`)
}
