/** Every way a request can fail on purpose. `reason` opens the message that clients of the API know; `title` is for people. */
export const problems = {
  'bad-request': {
    status: 400,
    title: 'The request is not as it should be',
    reason: 'bad request',
  },
  'bad-tag-change': { status: 400, title: 'Such tags cannot be changed', reason: 'format error' },
  'bad-archive': { status: 400, title: 'The archive cannot be kept', reason: 'bad request' },
  'checksum-mismatch': {
    status: 400,
    title: 'The bytes are not those that were sent',
    reason: 'hash is not match.',
  },
  'not-a-file': { status: 400, title: 'That is no file', reason: 'bad request' },
  unauthorized: { status: 401, title: 'Who are you?', reason: 'unauthorized' },
  'bad-import-token': {
    status: 401,
    title: 'The token ends no import',
    reason: 'invalid token',
  },
  forbidden: { status: 403, title: 'You may not do that', reason: 'forbidden' },
  'route-not-found': { status: 404, title: 'No such path', reason: 'Not Found' },
  'data-not-found': { status: 404, title: 'No such data', reason: 'not found' },
  'file-not-found': { status: 404, title: 'No such file', reason: 'not found' },
  'plan-not-found': { status: 404, title: 'No such plan', reason: 'not found' },
  'run-not-found': { status: 404, title: 'No such run', reason: 'not found' },
  'thing-not-found': { status: 404, title: 'No such data or run', reason: 'not found' },
  'run-deleted': { status: 404, title: 'The run was deleted', reason: 'not found' },
  'event-not-found': { status: 404, title: 'No such event', reason: 'event is not found' },
  'token-not-found': { status: 404, title: 'No such token', reason: 'token is not found' },
  'log-not-found': { status: 404, title: 'The run keeps no log', reason: 'not found' },
  'method-not-allowed': {
    status: 405,
    title: 'Not with this method',
    reason: 'Method Not Allowed',
  },
  'upload-stalled': {
    status: 408,
    title: 'Nothing of the upload came for too long',
    reason: 'request timeout',
  },
  'head-stalled': {
    status: 408,
    title: 'The head of the request did not come in time',
    reason: 'request timeout',
  },
  'plan-equivalent': {
    status: 409,
    title: 'An equivalent plan is registered',
    reason: 'there are equiverent plan',
  },
  'plan-cycle': {
    status: 409,
    title: 'The plan would feed itself',
    reason: 'plan spec conflics with others',
  },
  'move-prohibited': {
    status: 409,
    title: 'The run cannot be moved so',
    reason: 'prohibited operation',
  },
  'abort-instead': {
    status: 409,
    title: 'The run can only be aborted',
    reason: 'prohibited operation',
  },
  'run-not-finished': {
    status: 409,
    title: 'The run is not finished',
    reason: 'the run may not be finished',
  },
  'run-held': {
    status: 409,
    title: 'The run is held, as its plan is inactive',
    reason: 'the run may not be finished',
  },
  'data-in-transfer': {
    status: 409,
    title: 'What the run has written is being sent',
    reason: 'the run may not be finished',
  },
  'run-in-use': {
    status: 409,
    title: 'What the run has written is in use',
    reason: 'output of the run is in use',
  },
  'upload-not-found': {
    status: 404,
    title: 'No such upload in progress',
    reason: 'not found',
  },
  'upload-broken': {
    status: 400,
    title: 'The line broke before the archive was whole',
    reason: 'bad request',
  },
  'upload-offset': {
    status: 409,
    title: 'The upload goes on elsewhere',
    reason: 'the upload is at another offset',
  },
  'upload-ended': {
    status: 409,
    title: 'The upload was ended',
    reason: 'the upload was ended',
  },
  'volume-missing': {
    status: 400,
    title: 'The volume of the import is not there',
    reason: 'bad request',
  },
  'import-missing': {
    status: 409,
    title: 'The import was deleted',
    reason: 'missing Run',
  },
  'import-over': {
    status: 409,
    title: 'The import is over',
    reason: 'the import is not in progress',
  },
  'token-name-taken': {
    status: 409,
    title: 'A token of that name was made before',
    reason: 'token name is taken',
  },
  'too-large': { status: 413, title: 'Larger than allowed', reason: 'bad request' },
  'range-not-satisfiable': {
    status: 416,
    title: 'There are no such bytes',
    reason: 'range not satisfiable',
  },
  'key-refused': {
    status: 422,
    title: 'The key of the request cannot be used',
    reason: 'bad request',
  },
  'event-refused': { status: 422, title: 'The event cannot be served', reason: 'bad request' },
  'too-many-requests': {
    status: 429,
    title: 'Too many requests',
    reason: 'too many requests',
  },
  'head-too-large': {
    status: 431,
    title: 'The address and the headers are larger than allowed',
    reason: 'bad request',
  },
  unexpected: { status: 500, title: 'Something unexpected happened', reason: 'unexpected error' },
  'data-changed': {
    status: 500,
    title: 'What is kept is not what was stored',
    reason: 'unexpected error',
  },
  'volume-unreachable': {
    status: 502,
    title: 'Nothing gets at the data',
    reason: 'unexpected error',
  },
  'not-yet': {
    status: 503,
    title: 'Not yet',
    reason: 'service unavailable temporaly',
  },
  'upload-lost': {
    status: 503,
    title: 'The upload has to be sent again',
    reason: 'service unavailable temporaly',
  },
  'too-slow': {
    status: 503,
    title: 'The database takes too long for that',
    reason: 'service unavailable temporaly',
  },
  unavailable: {
    status: 503,
    title: 'A part of the system is away',
    reason: 'service unavailable temporaly',
  },
  'storage-full': { status: 507, title: 'The storage is full', reason: 'storage is full' },
} as const satisfies Record<string, { status: number; title: string; reason: string }>

export type ProblemCode = keyof typeof problems

/** The message that clients of the API know: the reason, the advice where there is one, and what happened. */
export function knownMessage(code: ProblemCode, detail: string, own?: string): string {
  const { status, reason } = problems[code]
  // Of what is at no path, or not with this method, they know no more than that.
  if (status === 405 || code === 'route-not-found') return reason
  const advice = status === 503 ? ['please retry later'] : []
  return [own ?? reason, ...advice, detail].join('\n')
}

type ProblemOptions = ErrorOptions & { retryAfter?: number; headers?: Record<string, string> }

/** A failure we planned for. Anything else is a bug: 500. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly code: ProblemCode
  /** Seconds after which asking again may help. */
  readonly retryAfter?: number | undefined
  /** What programs are told besides. */
  readonly headers?: Record<string, string> | undefined

  constructor(code: ProblemCode, detail: string, options?: ProblemOptions) {
    super(detail, options)
    this.code = code
    this.retryAfter = options?.retryAfter
    this.headers = options?.headers
  }
}
