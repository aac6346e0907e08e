import '#shared/files/private-memory.ts'
import { constants, homedir } from 'node:os'
import { Interrupted } from './failure.ts'
import { localProgram } from './local-program.ts'
import { root } from './root.ts'
import { runCommandLine } from './run-command-line.ts'

/** Runs a command line in this process; answers the exit code. */
export async function program(words: string[]): Promise<number> {
  const { env, stdout, stderr } = process
  using ending = endedBySignals()
  return await runCommandLine(root, words, {
    localProgram: localProgram(),
    env,
    cwd: here(),
    home: homedir(),
    stdin: () => process.stdin,
    stdout,
    stderr,
    signal: ending.signal,
  })
}

const endings = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** What is going on ends in good order, unless Ctrl-C is pressed once more: then the program does, at once. */
function endedBySignals(): { signal: AbortSignal } & Disposable {
  const interrupt = new AbortController()
  const { signal } = interrupt
  const end = (name: NodeJS.Signals) => {
    const exitCode = 128 + constants.signals[name]
    // The others are often sent twice, to a program and to its group.
    if (name === 'SIGINT' && signal.aborted) process.exit(exitCode)
    interrupt.abort(new Interrupted(exitCode))
  }
  for (const name of endings) process.on(name, end)
  return {
    signal,
    [Symbol.dispose]() {
      for (const name of endings) process.off(name, end)
    },
  }
}

/** A directory that was deleted meanwhile has only the name that the shell knows it by. */
function here(): string {
  try {
    return process.cwd()
  } catch {
    return process.env['PWD'] ?? '/'
  }
}
