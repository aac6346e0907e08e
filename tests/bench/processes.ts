import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { availableParallelism } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Ends a process at once and waits for it. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

/** Milliseconds of a program from start to end. Rejects when it fails. */
export async function runFor(
  program: string,
  args: string[],
  options: SpawnOptions = {},
): Promise<number> {
  const start = performance.now()
  const child = spawn(program, args, { ...options, stdio: 'ignore' })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}`)
  return performance.now() - start
}

/** Asks again and again until something listens and answers; the status of its first answer. */
export async function firstAnswer(port: number, path: string, method = 'GET'): Promise<number> {
  for (let tries = 0; tries < 30_000; tries += 1) {
    const status = await ask(port, path, method)
    if (status !== undefined) return status
    await wait(1)
  }
  throw new Error(`nothing listens on ${port}`)
}

/** A bare request over a bare socket, so that the one who asks takes no time; undefined when nobody listens. */
function ask(port: number, path: string, method: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () =>
      socket.write(
        `${method} ${path} HTTP/1.1\r\nhost: bench\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`,
      ),
    )
    socket.once('data', (chunk) => {
      socket.destroy()
      resolve(Number(chunk.toString('latin1', 9, 12)))
    })
    socket.once('error', () => resolve(undefined))
  })
}

/** MiB of a line of /proc/PID/status, such as VmRSS, VmHWM for the most it ever was, or RssFile for what it has of files, its own program first. */
export function memoryOf(pid: number, line: 'VmRSS' | 'VmHWM' | 'RssFile'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`${line}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024
}

/** A process and all that it has started, and so on. */
export function treeOf(pid: number): number[] {
  const parents = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const parent = statOf(Number(name))?.parent
    if (parent !== undefined) parents.set(parent, [...(parents.get(parent) ?? []), Number(name)])
  }
  const all = [pid]
  for (const one of all) all.push(...(parents.get(one) ?? []))
  return all
}

/** MiB that processes hold together, shared pages counted once. */
export const sharedMemoryOf = (pids: readonly number[]): number =>
  pids.reduce((total, pid) => {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
    return total + Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1]) / 1024
  }, 0)

/** Seconds of processor time that processes have used. */
export const processorTimeOf = (pids: readonly number[]): number =>
  pids.reduce((total, pid) => total + (statOf(pid)?.ticks ?? 0) / ticksPerSecond, 0)

const ticksPerSecond = 100

/** Seconds of processor time that each program of this machine has used, by what it is: those that have ended are forgotten. */
export function processorTimes(): Map<string, number> {
  const times = new Map<string, number>()
  for (const name of readdirSync('/proc')) {
    const ticks = /^\d+$/.test(name) ? statOf(Number(name))?.ticks : undefined
    if (!ticks) continue
    const program = programOf(Number(name))
    times.set(program, (times.get(program) ?? 0) + ticks / ticksPerSecond)
  }
  return times
}

/** Who has used the processors in between, for so many seconds: the share of all of them, the most first. */
export const describeUse = (
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
  seconds: number,
): string =>
  [...after]
    .map(([name, time]) => ({
      name,
      share: ((time - (before.get(name) ?? 0)) / seconds / availableParallelism()) * 100,
    }))
    .filter(({ share }) => share >= 1)
    .toSorted((a, b) => b.share - a.share)
    .map(({ name, share }) => `${name} ${share.toFixed(0)} %`)
    .join(', ')

/** A function and a part of Kubernetes are told to their program by its first argument. */
function programOf(pid: number): string {
  let words: string[] = []
  try {
    words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  } catch {
    // It has just ended.
  }
  const [path = '', first = '', second = ''] = words
  const name = path.split('/').at(-1) ?? ''
  if (first.endsWith('/start.cjs')) return second
  return name === 'hyperkube' ? first : name.split(':')[0] || 'the system'
}

function statOf(pid: number): { parent: number; ticks: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name of the program, in parentheses, may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }
  } catch {
    return undefined
  }
}
