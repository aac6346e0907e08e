import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { Enforced } from './limits.ts'

/** A container engine that works on this machine, and how it is used by us. */
export type Engine = {
  name: 'docker' | 'podman'
  /** What every call begins with. */
  words: string[]
  /** Whether containers write straight to a file of ours, in the order in which they write. */
  direct: boolean
  /** Whom containers run as, where it cannot be the user of their image without leaving us files that are not ours. */
  user: string | undefined
  /** What makes us the owner of a folder that a container has written to; nothing where we are. */
  reclaim: string[]
  enforced: Enforced
  /** How many GPUs it can give to containers. */
  gpus: number
}

/** What keeps a container from being more than its program, for any image. */
export function confinement({ name, user }: Pick<Engine, 'name' | 'user'>): string[] {
  return [
    '--cap-drop=ALL',
    '--security-opt=no-new-privileges',
    // Volumes are ours alone, and relabelling them would take from others what they are reading.
    '--security-opt=label=disable',
    ...(name === 'podman' ? rlimits() : []),
    // That user may have no home directory in the image.
    ...(user ? [`--user=${user}`, '--env=HOME=/tmp'] : []),
  ]
}

/** The two of `--mount`, whose value is a line of CSV. */
export function bind(source: string, target: string, ...options: string[]): string {
  const quoted = (field: string) => `"${field.replaceAll('"', '""')}"`
  const fields = [`source=${source}`, `target=${target}`].map(quoted)
  return ['--mount=type=bind', ...fields, ...options].join(',')
}

export type Answer = { ok: boolean; output: string; error: string }

/** One call of an engine, or of what may become one; not answering in time is an answer too. */
export function call(
  words: string[],
  args: string[],
  options: { env: NodeJS.ProcessEnv; deadline?: number; input?: Buffer },
): Promise<Answer> {
  const [file = '', ...before] = words
  const { env, deadline = 20_000, input } = options
  return new Promise((resolve) => {
    const settings = { env, timeout: deadline, killSignal: 'SIGKILL', cwd: '/' } as const
    const child = execFile(file, [...before, ...args], settings, (error, output, complaint) => {
      const late = error?.killed ? `no answer within ${deadline / 1000} s` : ''
      const unstarted = typeof error?.code === 'string' ? error.message : ''
      resolve({
        ok: !error,
        output: output.trim(),
        error: late || unstarted || lastLine(complaint),
      })
    })
    // It may end before it has read anything.
    child.stdin?.on('error', () => {}).end(input)
  })
}

/** What an engine says of a failure comes last, after warnings and progress, and before what helps nobody. */
export function lastLine(text: string): string {
  const lines = text.trim().split('\n')
  const line =
    lines.findLast((one) => !/^(See '|Error: failed to start containers)/.test(one)) ?? ''
  return line.replace(/^(Error: |Error response from daemon: |docker: )+/, '').slice(0, 900)
}

/** Podman asks for more than it may where our own limits are lower than usual. */
function rlimits(): string[] {
  const limits = readFileSync('/proc/self/limits', 'utf8')
  const hard = (name: string) => {
    const [, value = 'unlimited'] = new RegExp(`^${name} +\\S+ +(\\S+)`, 'm').exec(limits) ?? []
    return value === 'unlimited' ? Infinity : Number(value)
  }
  const files = Math.min(hard('Max open files'), 1_048_576)
  const processes = Math.min(hard('Max processes'), 32_768)
  return [`--ulimit=nofile=${files}:${files}`, `--ulimit=nproc=${processes}:${processes}`]
}
