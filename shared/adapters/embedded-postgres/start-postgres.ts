import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder } from '#shared/files/make-folder.ts'
import type { Log } from '#shared/ports/log.ts'
import { findPackage, prepareBinaries } from './binaries.ts'
import { initialise } from './initialise.ts'
import { prepareLauncher } from './launcher.ts'
import { stopLeftover, waitUntil } from './leftover.ts'
import { explain, PostgresUnavailable } from './postgres-unavailable.ts'
import { openServerLog } from './server-log.ts'
import { settingsOf } from './settings.ts'
import { makeSocketFolder } from './socket-folder.ts'

export interface PostgresOptions {
  /** Everything lies in here, and nobody else uses it: the caller holds the lock. */
  folder: string
  log?: Log
  settings?: Record<string, string>
  /** The npm package with the binaries; the one for this machine unless given. */
  packageFolder?: string
}

export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
  /** The server's last lines. */
  tail: string
}

export interface RunningPostgres {
  /** For the `postgres` client, always together with `options`. */
  url: string
  options: { path: string }
  pid: number
  /** Ends the server and waits for it: fast, then immediate after 30 s, then killed after 10 s. */
  stop(): Promise<void>
  /** Resolves whenever the server ends, asked for or not. Start again to go on. */
  exited: Promise<Exit>
}

// The client finds no socket in a URL, so the path is an option. Should that be forgotten, the
// reserved name resolves nowhere, where "localhost" might be somebody else's server.
const url = 'postgres://knit@embedded-postgres.invalid/postgres'

// Recovery after a crash is part of starting, so this is far above the 0.1 s it usually takes.
const patienceToStart = 120_000
const logLookedAtEvery = 10_000

/**
 * Starts the Postgres that lives in a folder, and makes it first where there is none.
 *
 * The npm package's own class is not used: it fails as root unless it may add a user, waits for a
 * line in a pipe that would die with us, listens on TCP with a password, and leaves the server
 * behind when we are killed. Its binaries are what we want.
 */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  try {
    return await start(options)
  } catch (error) {
    if (error instanceof PostgresUnavailable) throw error
    throw explain('Postgres cannot start', options.folder, String(error), error)
  }
}

async function start({ folder, log, settings, packageFolder = findPackage() }: PostgresOptions) {
  makeFolder(folder, 0o700)
  const home = realpathSync(folder)
  const data = join(home, 'data')

  const binaries = prepareBinaries(packageFolder, join(home, 'lib'))
  const launcher = await prepareLauncher(binaries, home, log)
  await stopLeftover(data, log)
  await initialise(binaries.initdb, home, launcher)

  const sockets = makeSocketFolder(home)
  const parameters = Object.entries(settingsOf(sockets.path, settings)).flatMap(parameter)
  const command = [...launcher.before, binaries.postgres, '-D', data, ...parameters]
  const { server, exited } = spawnServer(command, launcher.env, home)
  const stop = () => stopServer(server, exited).finally(sockets.remove)
  try {
    await becomeReady(server, exited, data, home)
  } catch (error) {
    await stop()
    throw error
  }
  return { url, options: { path: sockets.socket }, pid: Number(server.pid), stop, exited }
}

function parameter([name, value]: [string, string]) {
  return ['-c', `${name}=${value}`]
}

/**
 * The server writes straight to its log, since a pipe would break when we are killed, and has a
 * session of its own, so that Ctrl-C in a terminal reaches us alone.
 */
function spawnServer(
  [program = '', ...args]: string[],
  env: Record<string, string>,
  folder: string,
) {
  const log = openServerLog(folder)
  const stdio = ['ignore' as const, log.descriptor, log.descriptor]
  const server = spawn(program, args, { env, stdio, detached: true })
  log.close()
  const bounding = setInterval(log.bound, logLookedAtEvery).unref()
  const exited = new Promise<Exit>((resolve) => {
    server.once('exit', (code, signal) => resolve({ code, signal, tail: log.tail() }))
    server.once('error', (error) => resolve({ code: null, signal: null, tail: error.message }))
  }).finally(() => clearInterval(bounding))
  return { server, exited }
}

async function becomeReady(
  server: ChildProcess,
  exited: Promise<Exit>,
  data: string,
  folder: string,
) {
  let exit: Exit | undefined
  void exited.then((how) => (exit = how))
  const isReady = () => exit !== undefined || statusOf(data, server.pid) === 'ready'
  const inTime = await waitUntil(isReady, patienceToStart)
  if (exit) throw explain('Postgres did not start', folder, exit.tail)
  if (inTime) return
  await stopServer(server, exited)
  const { tail } = await exited
  throw explain(`Postgres was not ready within ${patienceToStart / 1000} s`, folder, tail)
}

/** The eighth line of postmaster.pid says how far the server is; the first, whose file it is. */
function statusOf(data: string, pid: number | undefined) {
  try {
    const lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')
    return lines[0] === String(pid) ? lines[7]?.trim() : undefined
  } catch {
    return undefined
  }
}

async function stopServer(server: ChildProcess, exited: Promise<Exit>) {
  server.kill('SIGINT')
  const immediate = setTimeout(() => server.kill('SIGQUIT'), 30_000)
  const killed = setTimeout(() => server.kill('SIGKILL'), 40_000)
  await exited
  clearTimeout(immediate)
  clearTimeout(killed)
}
