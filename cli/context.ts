import type { Readable, Writable } from 'node:stream'
import type { Command } from './command.ts'

/** The world a command runs in, as a value: tests pass their own. */
export type World = {
  env: Record<string, string | undefined>
  cwd: string
  /** Home directory of the user. */
  home: string
  /** Opened when it is asked for: most commands never do. */
  stdin: () => Readable & { isTTY?: boolean }
  stdout: Writable & { isTTY?: boolean; columns?: number }
  stderr: Writable & { isTTY?: boolean; columns?: number }
  /** The words that start the system of this machine. */
  localProgram: string[]
  /** Aborted when it is to end, as by Ctrl-C; an `Interrupted` says with which exit code. */
  signal: AbortSignal
}

export type Context = World & {
  /** The whole tree of commands. */
  root: Command
  /** Full name of the command, such as `knit data push`. */
  name: string
  /** The global flags that were given. */
  flags: { profile?: string; 'profile-store'?: string; env?: string; quiet?: boolean }
}
