import { homedir } from 'node:os'
import { localProgram } from './local-program.ts'
import { root } from './root.ts'
import { runCommandLine } from './run-command-line.ts'

/** Runs a command line in this process; answers the exit code. */
export function program(words: string[]): Promise<number> {
  const { env, stdout, stderr } = process
  return runCommandLine(root, words, {
    localProgram: localProgram(),
    env,
    cwd: here(),
    home: homedir(),
    stdin: () => process.stdin,
    stdout,
    stderr,
    signal: interrupted(),
  })
}

/** The first Ctrl-C ends what is going on in good order; the second ends the program. */
function interrupted(): AbortSignal {
  const interrupt = new AbortController()
  process.once('SIGINT', () => {
    interrupt.abort()
    process.once('SIGINT', () => process.exit(130))
  })
  return interrupt.signal
}

/** A directory that was deleted meanwhile has only the name that the shell knows it by. */
function here(): string {
  try {
    return process.cwd()
  } catch {
    return process.env['PWD'] ?? '/'
  }
}
