import { dirname } from 'node:path'
import { ArchiveError, type ArchiveErrorCode } from '#shared/archive/archive-error.ts'
import { ApiError, ConnectionError, MaybeDone } from '#shared/client/api-error.ts'
import { DamagedTransfer } from '#shared/client/transfers.ts'
import type { ProblemCode } from '#shared/contracts/problems.ts'
import { Invalid } from '#shared/domain/invalid.ts'
import { isId } from '#shared/domain/ids.ts'
import { shellLine } from '#shared/domain/shell.ts'
import { UnusableHome } from '#shared/files/home-folder.ts'
import { ProviderAway } from '#shared/oidc/provider.ts'
import { plainMessage } from '#shared/files/plain-message.ts'
import { Failure, first, UsageError, type Next } from './failure.ts'
import { lackOf } from './not-offered.ts'
import { newestData, whereToLook } from './where-to-look.ts'

/** What people read of an error: what happened to which thing, and the command to try next; and how the program ends. */
export type Explanation = { what: string; next?: string; exitCode: number }

// A bug of ours is no failure of the command: EX_SOFTWARE of sysexits.h.
const bug = 70

/** The command that failed (`knit data pull`), the words it is about (an id, a directory), and the whole line as it was typed. */
export type Doing = { name: string; about: string[]; line: string }

/** What to tell people of an error. */
export function explain(error: unknown, doing: Doing): Explanation {
  const told = tell(error, doing)
  if (!told) return { what: `this is a bug in knit: ${stackOf(error)}`, exitCode: bug }
  const { what, next, exitCode = 1 } = told
  return { what, next: typeof next === 'function' ? next(doing.line) : next, exitCode }
}

type Told = { what: string; next: Next; exitCode?: number }

function tell(error: unknown, doing: Doing): Told | undefined {
  const help = `${doing.name} --help`
  if (error instanceof UsageError)
    return {
      what: `usage error: ${error.message}`,
      next: error.next || oneById(doing) || help,
      exitCode: 2,
    }
  if (error instanceof Invalid)
    return { what: `usage error: ${error.message}`, next: help, exitCode: 2 }
  if (error instanceof Failure) return { what: error.message, next: error.next }
  if (error instanceof UnusableHome) return { what: error.happened, next: error.next }
  if (error instanceof ProviderAway)
    return {
      what: `the provider of sign-ins does not answer: ${error.message}`,
      next: first('check the network, or wait a while'),
    }
  if (error instanceof ConnectionError)
    return { what: error.message, next: nextAfterConnection(error) }
  const next = nextAfter(error, doing)
  if (next === undefined) return undefined
  const lack = error instanceof ApiError ? lackOf(error, ownId(doing)) : undefined
  const message = lack?.what ?? plainMessage(error as Error)
  const status = error instanceof ApiError ? ` (HTTP ${error.status})` : ''
  return {
    what: `${withoutKnit(positionalLine(doing))}: ${message}${status}`,
    next: lack?.next ?? next,
  }
}

const ownId = ({ about }: Doing): string | undefined => about.find(isId)

/** What leads to the one thing whose id somebody gave to a search, which takes none. */
function oneById({ name, about: [id, ...others] }: Doing): string | undefined {
  if (!name.endsWith(' find') || id === undefined || others.length > 0 || !isId(id))
    return undefined
  if (name === 'knit data find') return `${name} --tag knit#id:${id}`
  return `${name.replace(/find$/, 'show')} ${id}`
}

function nextAfter(error: unknown, doing: Doing): Next | undefined {
  if (error instanceof ApiError) return nextAfterAnswer(error, doing)
  if (error instanceof MaybeDone) return whereToLook(error.route, ownId(doing))
  if (error instanceof DamagedTransfer) return again
  if (error instanceof ArchiveError) return nextAfterArchive(error, doing)
  return isOfTheSystem(error) ? nextAfterSystem(error) : undefined
}

const again: Next = (line) => line
const mended = first('mend that')
const signIn: Next =
  'knit login, or with a token that an administrator gave you: knit login --token-file FILE'
const profileWith = (what: string): Next =>
  `get a profile file with ${what}, then: knit init KNIT_PROFILE_FILE`

const nextByCode: Partial<Record<ProblemCode, Next>> = {
  'bad-archive': mended,
  'checksum-mismatch': again,
  'storage-full': first('free some room there'),
  'data-changed': first('ask an administrator to see to that'),
  'volume-unreachable': first('ask an administrator to see to that'),
  'route-not-found': profileWith('the right apiRoot'),
  'method-not-allowed': profileWith('the right apiRoot'),
  'data-not-found': 'knit data find',
  'plan-not-found': 'knit plan find',
  'run-not-found': 'knit run find',
  'thing-not-found': 'knit data find',
  'event-not-found': 'knit admin events --dead',
  'token-not-found': 'knit admin token list',
  'token-name-taken': 'knit admin token list',
  'too-many-requests': first('wait a while'),
  'too-slow': first('ask for less, or wait a while'),
  'move-prohibited': 'knit run show RUN_ID --output table',
  'run-deleted': 'knit run show RUN_ID --output table',
  'abort-instead': 'knit run stop --fail RUN_ID',
  'run-not-finished': 'knit run wait RUN_ID',
  'run-held': 'knit run stop --fail RUN_ID',
  'data-in-transfer': first('wait a while'),
  'upload-stalled': again,
  'head-stalled': again,
  'upload-ended': again,
  'upload-lost': again,
  'key-refused': again,
  'plan-equivalent': 'knit plan find',
  unauthorized: signIn,
  forbidden: first('ask an administrator for the role that may do this'),
}

function nextAfterAnswer(error: ApiError, doing: Doing): Next {
  const { code, status, route } = error
  const own = ownId(doing)
  const other = idsIn(error.message).find((id) => id !== own)
  if (code === 'plan-equivalent' && other) return `knit plan show ${other}`
  if (code === 'run-held' && other && route === 'runs.retry') return `knit plan active yes ${other}`
  // Not how to be rid of it: somebody may need what it has made.
  if (code === 'run-in-use' && other) return `knit run show ${other}`
  if (isNotYet(error) && own) return `knit run show ${own} --log --follow`
  if (code === 'log-not-found') return positionalLine(doing)
  const known = code && nextByCode[code]
  if (typeof known === 'string') return own ? known.replace('RUN_ID', own) : known
  // One of the reference may have taken all and lost its way afterwards.
  if (!code && route === 'data.push' && status >= 500 && status !== 503) return newestData
  return known ?? nextByStatus(status, nounOf(route), own)
}

/** A log of a run that has not begun, for which --follow waits. Servers that say no code have no other reason for such an answer. */
const isNotYet = ({ route, status, code = 'not-yet' }: ApiError): boolean =>
  route === 'runs.log' && status === 503 && code === 'not-yet'

const idsIn = (text: string): string[] => text.match(/[0-9a-f]{8}-[0-9a-f-]{27}/g) ?? []

/** `runs.show` is about a run. */
const nounOf = (route: string): string => route.replace(/s?\..*$/, '')

const isFound = (noun: string): boolean => ['data', 'plan', 'run'].includes(noun)

/** For what has no code of its own, or comes from a server that says none. */
function nextByStatus(status: number, noun: string, id: string | undefined): Next {
  if (status < 400) return profileWith('the right apiRoot')
  if (status === 401) return signIn
  if (status === 404 && isFound(noun)) return `knit ${noun} find`
  if (status === 404) return profileWith('the right apiRoot')
  // Something in its state stands in the way.
  if (status === 409 && id && noun !== 'data') return `knit ${noun} show ${id}`
  if (status === 429 || status === 503) return first('wait a while')
  if (status >= 500) return first('tell the administrator if it stays')
  return mended
}

const passing: readonly ArchiveErrorCode[] = ['truncated', 'damaged', 'changed-while-reading']

/** What is wrong in a directory has to be mended; what is wrong in a download is kept as it is. */
function nextAfterArchive({ code }: ArchiveError, doing: Doing): Next {
  if (passing.includes(code)) return again
  if (doing.name === 'knit data push') return mended
  const pull = { ...doing, name: 'knit data pull' }
  return positionalLine(
    doing.name === pull.name ? pull : { ...pull, about: pull.about.slice(0, 1) },
  )
}

function nextAfterConnection({ code, message }: ConnectionError): Next {
  const isHere = /^cannot reach https?:\/\/(localhost|127\.|\[::1\])/.test(message)
  if (code === 'ECONNREFUSED' && isHere) return first('knit local start --detach')
  if (/CERT|SIGN|VERIFY/.test(code)) return profileWith('the CA of the server')
  return first('check the network and the apiRoot of the profile')
}

function nextAfterSystem({ code, path }: NodeJS.ErrnoException): Next {
  if (code === 'ENOSPC' || code === 'EDQUOT') return first('free some room')
  if (code === 'EISDIR') return 'name a file, and no directory'
  if (path === undefined) return again
  return code === 'ENOENT' || code === 'ENOTDIR'
    ? shellLine(['ls', dirname(path)])
    : shellLine(['ls', '-ld', path])
}

/** The command with what it is about, and without flags. */
const positionalLine = ({ name, about }: Doing): string => shellLine([...name.split(' '), ...about])

const withoutKnit = (line: string): string => line.replace(/^knit /, '')

const stackOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error)

/** Errors of the file system and the like: they have a code and need no stack. */
function isOfTheSystem(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error
}
