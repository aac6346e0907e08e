import { readdirSync, readFileSync } from 'node:fs'
import { seen } from './seen.ts'

/** A process of some boot of this machine: its id alone may be given to another one. */
export type Process = { pid: number; since: string; boot: string }

const bootId = () => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()

/** Reads what a supervisor wrote about itself. */
export function parseProcess(text: string): Process | undefined {
  const [pid, since, boot] = text.trim().split(' ')
  return pid && since && boot ? { pid: Number(pid), since, boot } : undefined
}

/** This very process. */
export function ownProcess(): Process {
  return { pid: process.pid, since: lookAt(process.pid)?.since ?? '', boot: bootId() }
}

export function isAlive({ pid, since, boot }: Process): boolean {
  const found = lookAt(pid)
  return found?.since === since && !found.isZombie && boot === bootId()
}

/** The processes a process has started and that are still there. */
export function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((candidate) => candidate > 0 && lookAt(candidate)?.parent === pid)
}

function lookAt(pid: number): { parent: number; since: string; isZombie: boolean } | undefined {
  const stat = seen(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  if (stat === undefined) return undefined
  // The name, in parentheses, may contain anything. See proc_pid_stat(5).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return {
    parent: Number(fields[1]),
    since: fields[19] ?? '',
    isZombie: fields[0] === 'Z' || fields[0] === 'X',
  }
}

/** Asks the program of a sandbox to end; what it has started itself is not asked. False when it is not there yet. */
export function askToEnd(supervisor: Process): boolean {
  const programs = initsOf(supervisor).flatMap(childrenOf)
  for (const program of programs) signal(program, 'SIGTERM')
  return programs.length > 0
}

/** Ends a sandbox: with its first process the kernel ends all others. */
export function kill(supervisor: Process): void {
  const inits = initsOf(supervisor)
  for (const init of inits) signal(init, 'SIGKILL')
  if (inits.length === 0 && isAlive(supervisor)) signal(-supervisor.pid, 'SIGKILL')
}

/** Ends a supervisor with all it has called, but not what these have left to run by itself. */
export function killGroup(supervisor: Process): void {
  if (isAlive(supervisor)) signal(-supervisor.pid, 'SIGKILL')
}

/** The supervisor waits for the maker of the sandbox (`unshare` or `bwrap`), and that for the first process in the sandbox. */
function initsOf(supervisor: Process): number[] {
  return isAlive(supervisor) ? childrenOf(supervisor.pid).flatMap(childrenOf) : []
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended meanwhile.
  }
}
