import '#shared/files/private-memory.ts'
import { once } from 'node:events'
import { PostgresUnavailable } from '#shared/adapters/embedded-postgres/postgres-unavailable.ts'
import { plainWords } from '#shared/domain/plain-words.ts'
import { localStart, LocalStart } from '#shared/domain/local-start.ts'
import { Misused, runProgram, type Program } from '#shared/runtime/command-line.ts'
import { errorText } from '#shared/runtime/log.ts'
import { startLocalHome, type LocalHome } from './local/start.ts'
import { welcome } from './local/welcome.ts'

const text = { type: 'string' } as const
const engines = localStart.engine.unwrap().options.join('|')
const hints = {
  home: ' DIR',
  port: ' PORT',
  engine: ` ${engines}`,
  database: ' URL',
  adopt: '',
  auth: '',
}
const flags = Object.entries(hints).map(([name, hint]) => `--${name}${hint}`)
const abouts = Object.values(localStart).map(({ description = '' }) => description)
const width = Math.max(...flags.map(({ length }) => length))

const start = {
  usage: `Usage: npm start -- ${flags.map((flag) => `[${flag}]`).join(' ')}

Every function in one process: starts the system on this machine, and ends it with Ctrl-C.

${flags.map((flag, index) => `  ${flag.padEnd(width)}  ${abouts[index]}\n`).join('')}\
  ${'--help'.padEnd(width)}  Show this.
`,
  options: {
    home: text,
    port: text,
    engine: text,
    database: text,
    adopt: { type: 'boolean' },
    auth: { type: 'boolean' },
  },
  async run(values) {
    const stop = new AbortController()
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => stop.abort())
    const home = await startUnless(stop.signal, checked(values))
    if (home && !stop.signal.aborted) {
      const { stdin, env } = process
      console.error(welcome({ ...home, atTerminal: stdin.isTTY, env, cwd: process.cwd() }))
      await once(stop.signal, 'abort')
    }
    await home?.stop()
  },
} satisfies Program<Record<keyof LocalStart, { type: 'string' | 'boolean' }>>

function checked(values: Record<string, unknown>): LocalStart {
  const { data, error } = LocalStart.safeParse(values, { error: plainWords })
  if (data) return data
  throw new Misused(
    error.issues.map(({ path, message }) => `--${path.join('.')}: ${message}`).join('\n'),
  )
}

/** Undefined when a stop was asked before it had started: Ctrl-C in a terminal ends initdb, or an engine that is tried, as well. */
async function startUnless(stop: AbortSignal, options: LocalStart): Promise<LocalHome | undefined> {
  try {
    return await startLocalHome(options, process.env, stop)
  } catch (error) {
    if (stop.aborted) return undefined
    throw error
  }
}

/** A one-machine installation, `npm start`, `npm run dev`, and the images of one. */
async function main([command = 'start', ...rest]: string[]): Promise<number> {
  if (command.startsWith('-')) return runProgram(start, [command, ...rest])
  if (command === 'start') return runProgram(start, rest)
  if (command === 'image') return runProgram((await import('./local/image.ts')).image, rest)
  process.stderr.write(
    `There is no command "${command}".\nThere are start and image; see: npm start -- --help\n`,
  )
  return 2
}

/** What a user can mend is said in its own words, for anything else undefined. */
function plainly(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const code = 'code' in error ? String(error.code) : ''
  // The last is how Postgres says it.
  if (['ENOSPC', 'EDQUOT', 'EROFS', '53100'].includes(code))
    return `Nothing more can be written: ${error.message}\nFree some room on that disk, or choose another folder: knit local start --home DIR`
  if (error instanceof PostgresUnavailable) return error.plain
  if (error.name === 'BadSettings') return `${error.message}\nCorrect them, then: knit local start`
  const isExpected = ['CannotStart', 'UnusableHome', 'CannotRun'].includes(error.name)
  return isExpected ? error.message : undefined
}

try {
  process.exit(await main(process.argv.slice(2)))
} catch (error) {
  console.error(plainly(error) ?? errorText(error))
  process.exit(1)
}
