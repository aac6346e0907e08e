import { ZodError } from 'zod'
import { NoSuchBytes, NoSuchFile, NotAFile, Unreadable } from '#shared/archive/file-error.ts'
import { knownMessage, Problem, problems, type ProblemCode } from '#shared/contracts/problems.ts'
import type { RouteSpec } from '#shared/contracts/route.ts'
import { isGivenUp, isHeld, isUnavailable } from '#shared/database/sql.ts'
import { Away, NoRoomNow, NoSuchVolume, Unreachable } from '#shared/ports/cluster.ts'
import { Invalid } from '#shared/domain/invalid.ts'
import { issues, shortened } from '#shared/domain/plain-words.ts'
import { wantsProblem } from './preferred.ts'
import { answer, queryOf } from './web.ts'

const escapes: Record<string, string> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
}

/** JSON as the API writes it: one document and a newline, safe inside HTML. */
export function jsonText(
  value: unknown,
  pretty: boolean,
  replace?: (key: string, part: unknown) => unknown,
): string {
  const text = JSON.stringify(value, replace, pretty ? 2 : undefined)
  return `${text.replace(/[<>&\u2028\u2029]/g, (char) => escapes[char] ?? char)}\n`
}

/** What a failure is to the caller: planned, or `unexpected` with nothing of its inside shown. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (error instanceof Invalid) return new Problem('bad-request', sentence(error), { cause: error })
  if (error instanceof ZodError) return new Problem('bad-request', issues(error), { cause: error })
  if (error instanceof NoSuchVolume)
    return new Problem(
      'data-not-found',
      'Nothing was written to this data before its run ended, so there is nothing to send.',
      { cause: error },
    )
  if (error instanceof NoSuchBytes)
    return new Problem('range-not-satisfiable', sentenceOf(error), {
      cause: error,
      headers: { 'content-range': `bytes */${error.size}` },
    })
  const ofFile = codeOfFile(error)
  if (ofFile) return new Problem(ofFile, sentenceOf(error as Error), { cause: error })
  const code = codeInCluster(error)
  if (code) return new Problem(code, capitalised((error as Error).message), { cause: error })
  if (isStorageFull(error))
    return new Problem(
      'storage-full',
      'There is no room left on the volume; free some and try again.',
      {
        cause: error,
      },
    )
  const ofDatabase = problemOfDatabase(error)
  if (ofDatabase) return ofDatabase
  return new Problem('unexpected', 'Nobody has planned for this; tell an administrator.', {
    cause: error,
  })
}

// Whoever asks at once for what was too much makes it more. Longer than our own client is patient.
const breather = 30

/** A failure of the database that is none of ours. */
function problemOfDatabase(cause: unknown): Problem | undefined {
  if (isGivenUp(cause))
    return new Problem(
      'too-slow',
      'The database has worked on this for as long as it may (KNIT_STATEMENT_TIMEOUT), and given it up. Ask for less: narrow a search by tags, a time or a status, or give a limit; or ask again when there is less to do.',
      { cause, retryAfter: breather },
    )
  if (isHeld(cause))
    return new Problem(
      'unavailable',
      'Others hold what this would change, for longer than it may wait (KNIT_STATEMENT_TIMEOUT); nothing was done. Try again in a moment.',
      { cause },
    )
  if (isUnavailable(cause))
    return new Problem(
      'unavailable',
      'The database does not answer just now; try again in a moment.',
      { cause },
    )
  return undefined
}

/** What stands against reading a file of data. */
function codeOfFile(error: unknown): ProblemCode | undefined {
  if (error instanceof NoSuchFile) return 'file-not-found'
  if (error instanceof NotAFile) return 'not-a-file'
  return error instanceof Unreadable ? 'volume-unreachable' : undefined
}

// What adapters throw begins with a small letter, as most of it is told behind what failed.
const capitalised = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`

const sentenceOf = ({ message }: Error): string => `${capitalised(message)}.`

/** What a cluster says of itself is said to people. */
function codeInCluster(error: unknown): ProblemCode | undefined {
  if (error instanceof Away) return 'unavailable'
  if (error instanceof Unreachable) return 'volume-unreachable'
  return error instanceof NoRoomNow ? 'storage-full' : undefined
}

// The reason of the problem has said "bad request" already.
const sentence = ({ subject, message }: Invalid): string =>
  shortened(subject === problems['bad-request'].reason ? message : `${subject}: ${message}`)

/** True when there is no room left where something was to be written. */
export const isStorageFull = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')

/** As RFC 6750 says: who has sent something is told that it was not good. */
const challenge = ({ headers }: Request): string =>
  headers.has('authorization') ? 'Bearer error="invalid_token"' : 'Bearer'

/** Of what nobody has planned nothing is told but where to look: not everybody sees the headers of an answer. */
const detailOf = ({ code, message }: Problem, requestId: string): string =>
  code === 'unexpected'
    ? `${message} The log has the details under the request id ${requestId}.`
    : message

/** Shows a problem in the form clients of the API know, or as problem details to those who accept them. */
export function problemResponse(
  problem: Problem,
  request: Request,
  requestId: string,
  reasons: RouteSpec['reasons'] = {},
): Response {
  const { status, title } = problems[problem.code]
  const headers: Record<string, string> = { ...problem.headers, 'x-request-id': requestId }
  const retryAfter = problem.retryAfter ?? (status === 503 ? 1 : undefined)
  if (retryAfter !== undefined) headers['retry-after'] = String(Math.ceil(retryAfter))
  if (status === 401) headers['www-authenticate'] = challenge(request)
  const detail = detailOf(problem, requestId)
  const pretty = queryOf(request.url).has('pretty')
  if (wantsProblem(request.headers.get('accept'))) {
    headers['content-type'] = 'application/problem+json'
    const body = {
      type: `urn:knitfab:problem:${problem.code}`,
      title,
      status,
      detail,
      code: problem.code,
      requestId,
    }
    return answer(jsonText(body, pretty), { status, headers })
  }
  headers['content-type'] = 'application/json'
  const message = knownMessage(problem.code, detail, reasons[problem.code])
  return answer(jsonText({ message }, pretty), { status, headers })
}
