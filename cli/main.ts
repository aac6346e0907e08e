import { homedir } from 'node:os'
import { localProgram } from './local-program.ts'
import { root } from './root.ts'
import { runCommandLine } from './run-command-line.ts'

// The first Ctrl-C ends what is going on in good order; the second ends the program.
const interrupt = new AbortController()
process.once('SIGINT', () => {
  interrupt.abort()
  process.once('SIGINT', () => process.exit(130))
})

// Who reads may have read enough, as in `knit data find | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(141)
  throw error
})

const { env, stdin, stdout, stderr } = process
const world = {
  localProgram: localProgram(),
  env,
  cwd: here(),
  home: homedir(),
  stdin,
  stdout,
  stderr,
}
process.exitCode = await runCommandLine(root, process.argv.slice(2), {
  ...world,
  signal: interrupt.signal,
})

/** A directory that was deleted meanwhile has only the name that the shell knows it by. */
function here(): string {
  try {
    return process.cwd()
  } catch {
    return env['PWD'] ?? '/'
  }
}
