import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { localProgram } from '../../cli/local-program.ts'
import { until } from './until.ts'

/** A local home as its user starts it: a process of its own. */
export type RunningHome = {
  folder: string
  apiRoot: string
  pid: number
  /** What it has written so far. */
  output(): string
  /** Asks it to stop, as Ctrl-C does; gives back its exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
  /** Resolves with its exit code once it has ended, for whatever reason; null when it was killed. */
  ended(): Promise<number | null>
}

/** What its user may give it besides the folder. */
export type HomeOptions = {
  args?: string[]
  env?: Record<string, string>
  /** Options of Node itself. */
  node?: string[]
  /** Whether it leads a process group of its own. */
  ownGroup?: boolean
}

/** Starts a local home and waits until it answers; rejects with its output when it ends instead. */
export const startHome = (folder: string, ...args: string[]): Promise<RunningHome> =>
  startHomeWith(folder, { args })

export async function startHomeWith(
  folder: string,
  options: HomeOptions = {},
): Promise<RunningHome> {
  const { child, output } = launch(folder, {
    ...options,
    args: ['--port', '0', ...(options.args ?? [])],
  })
  const status = join(folder, 'local.json')
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null
  await until(() => hasEnded() || readStatus(status)?.pid === child.pid)
  const found = readStatus(status)
  if (!found || hasEnded()) throw new Error(`the local home ended: ${output()}`)
  return {
    folder,
    apiRoot: found.apiRoot,
    pid: found.pid,
    output,
    stop: async (signal = 'SIGINT') => {
      child.kill(signal)
      if (!hasEnded()) await once(child, 'exit')
      return child.exitCode
    },
    ended: async () => {
      if (!hasEnded()) await once(child, 'exit')
      return child.exitCode
    },
  }
}

/** Starts one that is expected not to: gives back its exit code and what it said. */
export async function refusedHome(
  folder: string,
  ...args: string[]
): Promise<{ code: number | null; output: string }> {
  const { child, output } = launch(folder, { args })
  if (child.exitCode === null) await once(child, 'close')
  return { code: child.exitCode, output: output() }
}

/** Starts one as a terminal does, and presses Ctrl-C as soon as it is time. */
export async function interruptedHome(
  folder: string,
  isTime: () => boolean,
): Promise<{ code: number | null; output: string }> {
  const { child, output } = launch(folder, { args: ['--port', '0'], ownGroup: true })
  const closed = once(child, 'close')
  await until(() => isTime() || child.exitCode !== null)
  if (child.exitCode === null) process.kill(-Number(child.pid), 'SIGINT')
  await closed
  return { code: child.exitCode, output: output() }
}

function launch(
  folder: string,
  { args = [], env = {}, node = [], ownGroup = false }: HomeOptions,
): { child: ChildProcess; output: () => string } {
  const [file = '', ...words] = localProgram().toSpliced(-1, 0, ...node)
  const child = spawn(file, [...words, 'start', '--home', folder, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    detached: ownGroup,
  })
  let text = ''
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()))
  return { child, output: () => text }
}

function readStatus(path: string): { pid: number; apiRoot: string } | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as { pid: number; apiRoot: string }
  } catch {
    return undefined
  }
}

/**
 * A folder that is gone after the test, with every process that still uses it. Not below /tmp, which is each program's own in
 * the sandbox: programs see what tests put here, whoever they run as.
 */
export async function temporaryFolder(
  name = 'knit-test-',
): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join('/var/tmp', name))
  await chmod(path, 0o755)
  return {
    path,
    remove: async () => {
      killAll(path)
      await until(() => processesOf(path).length === 0)
      await rm(path, { recursive: true, force: true })
    },
  }
}

/** Ids of the processes that have a folder in their command line, environment of work, or as working directory. */
export function processesOf(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(Number)
    .filter((pid) => uses(pid, folder))
}

function uses(pid: number, folder: string): boolean {
  try {
    const isZombie = /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
    if (isZombie) return false
    return (
      readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder) ||
      readlinkSync(`/proc/${pid}/cwd`).startsWith(folder)
    )
  } catch {
    return false
  }
}

/** Kills everything that uses a folder, at once and without warning. */
export function killAll(folder: string): void {
  for (const pid of processesOf(folder)) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It was faster.
    }
  }
}

export const fileExists = existsSync
