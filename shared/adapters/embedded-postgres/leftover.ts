import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync, realpathSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Log } from '#shared/ports/log.ts'
import { PostgresUnavailable } from './postgres-unavailable.ts'

interface Step {
  signal: NodeJS.Signals
  patience: number
  whom?: (pid: number) => boolean
}

/** Ends whatever still serves this data directory, and no other process. */
export async function stopLeftover(data: string, log?: Log) {
  const postmaster = readPid(data)
  const first = processesOf(data)
  if (first.length > 0) log?.warn('stopping the Postgres that an earlier start left', { data })

  // Only the postmaster understands SIGINT as "stop"; it asks its children itself. Without it they
  // notice and leave.
  const ended = await end(data, [
    { signal: 'SIGINT', patience: 10_000, whom: (pid) => pid === postmaster },
    { signal: 'SIGQUIT', patience: 6_000 },
    { signal: 'SIGKILL', patience: 4_000 },
  ])
  if (ended) return removeMisleadingPid(data)
  throw new PostgresUnavailable(
    `A Postgres from an earlier start still holds ${data} (pid ${processesOf(data).join(', ')}).`,
    'End it by hand (`kill -9` with that pid), then start again.',
  )
}

/** Ends an initdb, with its children, that lost the process it worked for. */
export function stopInitdb(directory: string) {
  return end(directory, [
    { signal: 'SIGTERM', patience: 2_000 },
    { signal: 'SIGKILL', patience: 2_000 },
  ])
}

async function end(directory: string, steps: Step[]) {
  for (const { signal, patience, whom = () => true } of steps) {
    for (const pid of processesOf(directory).filter(whom)) send(pid, signal)
    if (await waitUntil(() => processesOf(directory).length === 0, patience)) return true
  }
  return false
}

/** Waits for a condition, and says whether it came true in time. */
export async function waitUntil(isTrue: () => boolean, patience: number) {
  const end = performance.now() + patience
  while (!isTrue()) {
    if (performance.now() > end) return false
    await pause(5)
  }
  return true
}

/** The first line of postmaster.pid. */
function readPid(data: string) {
  try {
    return Number.parseInt(readFileSync(join(data, 'postmaster.pid'), 'utf8'), 10)
  } catch {
    return undefined
  }
}

/**
 * Postgres itself clears away a postmaster.pid whose process is gone, but takes any process that
 * has since been given the same number for a server.
 */
function removeMisleadingPid(data: string) {
  const pid = readPid(data)
  if (pid === undefined) return
  if (Number.isNaN(pid) || send(pid, 0)) rmSync(join(data, 'postmaster.pid'), { force: true })
}

/** The programs of Postgres that work in this very directory: a server and its children, or initdb. */
function processesOf(data: string): number[] {
  if (process.platform !== 'linux') return postmasterByPs(data)
  const directory = attempt(() => realpathSync(data))
  if (!directory) return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => attempt(() => readlinkSync(`/proc/${pid}/cwd`)) === directory)
    .filter((pid) => isOurs(attempt(() => readlinkSync(`/proc/${pid}/exe`))))
    .map(Number)
}

/** The name is followed by " (deleted)" once a newer package has taken the program's place. */
function isOurs(program = '') {
  return /^(postgres|initdb)( |$)/.test(basename(program))
}

/** Elsewhere only the postmaster is found, by the directory it was started with. */
function postmasterByPs(data: string) {
  const pid = readPid(data)
  if (!pid) return []
  const words = attempt(() => execFileSync('ps', ['-ww', '-o', 'args=', '-p', `${pid}`]))
  return words?.includes(`postgres -D ${data} `) ? [pid] : []
}

function send(pid: number, signal: NodeJS.Signals | 0) {
  return attempt(() => process.kill(pid, signal)) ?? false
}

function attempt<T>(act: () => T): T | undefined {
  try {
    return act()
  } catch {
    return undefined
  }
}
