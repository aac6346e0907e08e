import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { PostgresUnavailable } from '#shared/adapters/embedded-postgres/postgres-unavailable.ts'
import { errorText } from '#shared/runtime/log.ts'
import { CannotStart } from './local/home.ts'
import { startLocalHome, type LocalHome, type StartOptions } from './local/start.ts'
import { welcome } from './local/welcome.ts'

/** Every function in one process: a one-machine installation, `npm start`, `npm run dev`. */
async function main(args: string[]): Promise<void> {
  const [command = 'start', ...rest] = args[0]?.startsWith('-') ? ['start', ...args] : args
  if (command === 'image') {
    const { image } = await import('./local/image.ts')
    return image(rest, process.env)
  }
  if (command !== 'start')
    throw new CannotStart(`There is no command "${command}"; there are start and image.`)
  const { values } = parseArgs({
    args: rest,
    options: {
      home: { type: 'string' },
      port: { type: 'string' },
      engine: { type: 'string' },
      database: { type: 'string' },
    },
  })
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => stop.abort())
  const home = await startUnless(stop.signal, values)
  if (home && !stop.signal.aborted) {
    console.error(welcome({ ...home, atTerminal: process.stdin.isTTY, env: process.env }))
    await once(stop.signal, 'abort')
  }
  await home?.stop()
}

/** Undefined when a stop was asked before it had started: Ctrl-C in a terminal ends initdb, or an engine that is tried, as well. */
async function startUnless(
  stop: AbortSignal,
  options: StartOptions,
): Promise<LocalHome | undefined> {
  try {
    return await startLocalHome(options, process.env, stop)
  } catch (error) {
    if (stop.aborted) return undefined
    throw error
  }
}

/** What a user can mend is said in its own words, for anything else undefined. */
function plainly(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const code = 'code' in error ? String(error.code) : ''
  // The last is how Postgres says it.
  if (['ENOSPC', 'EDQUOT', 'EROFS', '53100'].includes(code))
    return `Nothing more can be written: ${error.message}\nFree some room on that disk, or choose another folder: knit local start --home DIR`
  if (error instanceof PostgresUnavailable) return error.plain
  const isMisuse = code.startsWith('ERR_PARSE_ARGS')
  const isExpected = ['CannotStart', 'UnusableHome', 'CannotRun', 'BadSettings'].includes(
    error.name,
  )
  return isMisuse || isExpected ? error.message : undefined
}

try {
  await main(process.argv.slice(2))
  process.exit(0)
} catch (error) {
  console.error(plainly(error) ?? errorText(error))
  process.exit(1)
}
