import type { ProblemCode } from '#shared/contracts/problems.ts'

type ErrorBody = { code?: ProblemCode; detail: string }

/** The server refused a request, or answered what its contract does not promise. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  /** Name of the route, such as `runs.show`. */
  readonly route: string
  /** Absent when the server does not say one, as servers of the reference implementation. */
  readonly code?: ProblemCode
  /** Seconds after which the server wants to be asked again. */
  readonly retryAfter?: number

  constructor(route: string, status: number, body: ErrorBody, retryAfter?: number) {
    super(body.detail)
    this.route = route
    this.status = status
    this.code = body.code
    this.retryAfter = retryAfter
  }
}

/** Whether a server knows no such route: those that say no code, as servers of the reference implementation, are asked in another way. */
export const isUnknownRoute = (error: unknown): boolean =>
  error instanceof ApiError &&
  error.status === 404 &&
  (error.code ?? 'route-not-found') === 'route-not-found'

/** The server could not be reached, or the connection to it broke. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError'
  /** The system's code, such as `ECONNREFUSED`. */
  readonly code: string

  constructor(message: string, cause: unknown) {
    super(message, { cause })
    this.code = codeOf(cause)
  }
}

/** Whether a code is the system's, such as `ECONNRESET` or `EAI_AGAIN`, and not one of Node's own. */
export const isSystemCode = (code: string): boolean => /^E(?!RR_)/.test(code)

const passing = new Set([429, 502, 503, 504])

/**
 * Whether a server that there was a moment ago may be back in another: it was not reached, or it, or what stands before it, says that it
 * cannot just now, or the provider that one signs in at is away. A certificate that is not trusted is no better in a moment.
 */
export function isAway(error: unknown): error is Error {
  if (error instanceof ApiError) return passing.has(error.status)
  if (error instanceof ConnectionError) return isSystemCode(error.code)
  return error instanceof Error && error.name === 'ProviderAway'
}

/** No answer came to a request that changes something, which may have been done all the same. */
export class MaybeDone extends Error {
  override readonly name = 'MaybeDone'
  /** Name of the route, such as `runs.retry`. */
  readonly route: string

  constructor(route: string, message: string, cause: unknown) {
    super(message, { cause })
    this.route = route
  }
}

const codeOf = (cause: unknown): string =>
  cause instanceof Error && 'code' in cause ? String(cause.code) : ''

/** Reads the body of an error in any form servers send: problem+json, a `message`, a `reason`, or plain text. */
export function readErrorBody(text: string): ErrorBody {
  const body = parsed(text)
  if (!isObject(body)) return { detail: oneLine(text.slice(0, 500)) || 'no reason given' }
  const said = isObject(body.message) ? body.message : body
  const detail = [said.detail ?? said.message ?? said.reason ?? said.title, said.advice]
    .filter((part) => typeof part === 'string' && part !== '')
    .join('\n')
  const code = typeof body.code === 'string' ? (body.code as ProblemCode) : undefined
  return { detail: oneLine(detail || text), code }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const oneLine = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
    .join(': ')
