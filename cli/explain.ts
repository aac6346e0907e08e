import { ArchiveError } from '#shared/archive/archive-error.ts'
import { ApiError, ConnectionError } from '#shared/client/api-error.ts'
import { DamagedTransfer } from '#shared/client/transfers.ts'
import type { ProblemCode } from '#shared/contracts/problems.ts'
import { Invalid } from '#shared/domain/invalid.ts'
import { Failure, UsageError } from './failure.ts'

/** What people read of an error, and how the program ends. */
export type Explanation = { text: string; exitCode: number }

// A bug of ours is no failure of the command: EX_SOFTWARE of sysexits.h.
const bug = 70

/** The command that failed, and what it was about. */
export type Doing = { name: string; subject: string }

/** Two lines: what happened to which thing, and what to try next. */
export function explain(error: unknown, { name, subject }: Doing): Explanation {
  const about = `${subject}: `
  const help = `${name} --help`
  if (error instanceof UsageError)
    return twoLines(`usage error: ${error.message}`, error.next || help, error.exitCode)
  if (error instanceof Failure) return twoLines(error.message, error.next, error.exitCode)
  if (error instanceof ApiError)
    return twoLines(`${about}${error.message} (HTTP ${error.status})`, nextAfter(error, help))
  if (error instanceof ConnectionError) return twoLines(error.message, nextAfterConnection(error))
  if (error instanceof Invalid) return twoLines(`usage error: ${error.message}`, help, 2)
  if (error instanceof DamagedTransfer) return twoLines(`${about}${error.message}`, again)
  if (error instanceof ArchiveError) return twoLines(`${about}${error.message}`, again)
  if (isOfTheSystem(error)) return twoLines(`${about}${error.message}`, checkFile)
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { text: `this is a bug in knit: ${text}\n`, exitCode: bug }
}

const twoLines = (what: string, next: string, exitCode = 1): Explanation => ({
  text: `${what}\ntry: ${next}\n`,
  exitCode,
})

const again = 'the same command again'
const checkFile = 'check that the path exists and that you may use it'

const nextByCode: Partial<Record<ProblemCode, string>> = {
  'data-not-found': 'knit data find',
  'plan-not-found': 'knit plan find',
  'run-not-found': 'knit run find',
  'move-prohibited': 'knit run show RUN_ID, which tells where it is',
  'run-not-finished':
    'knit run wait RUN_ID, or knit run stop --fail RUN_ID, and the same command again',
  'run-in-use': 'knit run rm with those runs first',
  'log-not-found': 'the command without --log',
  'plan-equivalent': 'knit plan find',
  'not-yet': 'knit run find, then the same command again in a while',
  unauthorized: 'knit init KNIT_PROFILE_FILE with a profile that has your token',
  forbidden: 'ask an administrator for the role that may do this',
}

function nextAfter({ code, status, route, message }: ApiError, help: string): string {
  const twin = code === 'plan-equivalent' && /[0-9a-f]{8}-[0-9a-f-]{27}/.exec(message)?.[0]
  if (twin) return `knit plan show ${twin}`
  const known = code && nextByCode[code]
  if (known) return known
  const noun = route.replace(/s?\..*$/, '')
  if (status === 404) return `knit ${noun} find`
  if (status === 401) return nextByCode.unauthorized ?? again
  if (status === 503) return `${again} in a while`
  if (status >= 500) return `${again}; if it stays, tell the administrator what it says`
  if (status >= 300) return help
  return 'check the apiRoot of the profile: knit init KNIT_PROFILE_FILE'
}

function nextAfterConnection({ code }: ConnectionError): string {
  if (code === 'ECONNREFUSED') return 'knit local status, or check the apiRoot of the profile'
  if (/CERT|SIGN|VERIFY/.test(code))
    return 'knit init KNIT_PROFILE_FILE with a profile that has the CA of the server'
  return `${again}; check the network and the apiRoot of the profile`
}

/** Errors of the file system and the like: they have a code and need no stack. */
function isOfTheSystem(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error
}
