import type { MediaType, Route } from '#shared/contracts/route.ts'
import { knownMessage, problems, type ProblemCode } from '#shared/contracts/problems.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'

const id = (end: string): string => `0199c2a4-6d0e-7c11-9b57-0c4f4a1de${end}`
const [knitId, model, log] = [id('001'), id('002'), id('003')]
const [planId, uploads] = [id('0aa'), id('0bb')]
const [runId, uploadId, readerId] = [id('0cc'), id('0dd'), id('0ce')]
const [eventId, deliveryId, auditId, requestId] = [id('0e1'), id('0e2'), id('0e3'), id('0ee')]

const at = (time: string): string => `2026-11-01T${time}+00:00`
const updatedAt = at('12:34:56.789')

const summary = {
  planId,
  image: 'registry.example/trainer:v1.0',
  args: ['--epochs', '10'],
  annotations: ['description=trains on digits'],
}
const run = { runId, status: 'done', updatedAt, exit: { code: 0, message: '' }, plan: summary }
const upload = {
  runId: uploadId,
  status: 'done',
  updatedAt,
  plan: { planId: uploads, name: 'knit#uploaded' },
}
const input = { path: '/in/dataset', tags: ['mode:training', 'project:digits'] }
const output = { path: '/out/model', tags: ['type:model'] }
const digest = `sha256:${'0123456789abcdef'.repeat(4)}`
const token = {
  name: 'ci',
  role: 'user',
  state: 'valid',
  createdBy: 'token:ann',
  createdAt: at('12:00:00'),
  expiresAt: '2027-01-30T12:00:00+00:00',
}

/** What things look like, by the names of their schemas. */
export const examples: Record<string, unknown> = {
  TagChange: { add: ['project:digits'], remove: ['state:raw'], remove_key: ['owner'] },
  DataDetail: {
    knitId,
    tags: [`knit#id:${knitId}`, `knit#timestamp:${updatedAt}`, 'mode:training', 'project:digits'],
    upstream: { mountpoint: { path: '/upload', tags: [] }, run: upload },
    downstreams: [{ mountpoint: input, run }],
    nomination: [{ ...input, plan: summary }],
    content: { bytes: 52_428_800, files: 60_000, digest },
  },
  FileList: {
    files: [
      {
        path: 'images/0001.png',
        type: 'file',
        size: 874,
        mode: '644',
        mtime: at('12:30:00'),
      },
      {
        path: 'images/first.png',
        type: 'symlink',
        size: 0,
        mode: '777',
        mtime: at('12:30:00'),
        target: '0001.png',
      },
    ],
    after: 'first.png',
  },
  PlanSpec: {
    image: summary.image,
    args: summary.args,
    annotations: summary.annotations,
    inputs: [input],
    outputs: [output],
    log: { tags: ['type:log'] },
    on_node: { must: ['accelerator=gpu'] },
    resources: { cpu: 2, memory: '4Gi' },
    active: true,
  },
  PlanDetail: {
    ...summary,
    inputs: [{ ...input, upstreams: [] }],
    outputs: [{ ...output, downstreams: [] }],
    log: { tags: ['type:log'], downstreams: [] },
    active: true,
    on_node: { must: ['accelerator=gpu'] },
    resources: { cpu: '2', memory: '4Gi' },
  },
  PlanUsage: { planId, runs: 12, data: 24, files: 36, bytes: 125_829_120 },
  ResourceLimitChange: { set: { cpu: '500m', 'nvidia.com/gpu': 1 }, unset: ['memory'] },
  AnnotationChange: { add: ['owner=ann'], remove: ['state=draft'], remove_key: ['note'] },
  SetServiceAccount: { service_account: 'trainer' },
  RunDetail: {
    ...run,
    inputs: [{ ...input, knitId }],
    outputs: [{ ...output, knitId: model }],
    log: { tags: ['type:log'], knitId: log },
    attempt: 1,
    createdAt: at('12:30:00'),
    startedAt: at('12:30:02.5'),
    endedAt: at('12:34:56'),
    bytes: 1_048_576,
  },
  RunHistory: {
    runId,
    moves: [
      { attempt: 1, status: 'waiting', at: at('12:30:00'), by: 'project-runs' },
      {
        attempt: 1,
        from: 'running',
        status: 'completing',
        at: at('12:34:56'),
        by: 'observe-worker',
      },
      { attempt: 1, from: 'completing', status: 'done', at: updatedAt, by: 'finish-run' },
    ],
    attempts: [
      { attempt: 1, startedAt: at('12:30:02.5'), endedAt: at('12:34:56'), exit: run.exit },
    ],
    milestones: [
      { attempt: 1, name: 'projected', at: at('12:30:00') },
      { attempt: 1, name: 'program-ended', at: at('12:34:56') },
      { attempt: 1, name: 'published', at: updatedAt },
    ],
  },
  Lineage: {
    id: model,
    data: [
      { knitId, tags: [`knit#id:${knitId}`, 'project:digits'] },
      { knitId: model, tags: [`knit#id:${model}`, 'type:model'] },
    ],
    runs: [{ runId, status: 'done', updatedAt, planId, plan: summary.image }],
    edges: [
      { from: knitId, to: runId, path: input.path, position: 0 },
      { from: runId, to: model, path: output.path, position: 0 },
    ],
  },
  Explanation: {
    planId,
    data: [
      {
        knitId,
        inputs: [
          { path: input.path, fits: false, missing: ['mode:training'], runs: [], reasons: [] },
        ],
      },
    ],
    reasons: [],
  },
  Check: { sentence: 'Every input of a run has its data.', state: 'holds', things: [] },
  HookDelivery: {
    deliveryId,
    runId,
    attempt: 1,
    status: 'done',
    url: 'https://hooks.example/after',
    state: 'due',
    failures: 1,
    error: 'it answered 502',
    createdAt: updatedAt,
    dueAt: at('12:35:06.789'),
  },
  Garbage: {
    volume: volumeOf(log),
    failures: 1,
    reason: 'the volume is in use',
    createdAt: updatedAt,
    dueAt: at('12:35:06.789'),
  },
  RecordedEvent: {
    eventId,
    name: 'run.ready',
    subject: runId,
    data: { runId, attempt: 1 },
    time: at('12:30:01'),
    dead: {
      step: 'start-run',
      cause: 'the cluster does not answer',
      times: 1,
      since: updatedAt,
      at: updatedAt,
    },
  },
  DeadEvents: { eventIds: [eventId] },
  Replayed: { replayed: 1 },
  Dropped: { dropped: 1 },
  AuditEntry: {
    auditId,
    time: updatedAt,
    actor: 'token:ci',
    address: '192.0.2.7',
    route: 'plans.apply',
    subjects: [planId],
    status: 200,
    requestId,
    trace: '4bf92f3577b34da6a3ce929d0e0e4736',
  },
  TokenRequest: { name: token.name, role: token.role, lifetime: 7_776_000 },
  Token: { ...token, lastUsedAt: at('12:34:00') },
  NewToken: { ...token, secret: 'knit_…' },
  Principal: { name: 'token:ci', role: 'user', address: '192.0.2.7' },
  SignIn: {
    oidc: { issuer: 'https://login.example', clientId: 'knit', scopes: ['openid', 'profile'] },
  },
}

/** What is text and no JSON looks like this, by its media type. */
export const textExamples: Partial<Record<MediaType, string>> = {
  'application/jwt': 'HEAD.CLAIMS.SIGNATURE',
  'text/event-stream': `retry: 1000

id: 4711
event: run
data: ${JSON.stringify({ runId, attempt: 1, status: 'running', planId, from: 'starting', at: updatedAt })}

`,
  'text/vnd.graphviz': `digraph lineage {
  "${knitId}" [shape=box label="project:digits"]
  "${runId}" [shape=ellipse label="${summary.image}\\n${runId}\\ndone"]
  "${knitId}" -> "${runId}" [label="${input.path}"]
}
`,
}

/** What is given for a parameter, by its name; by route and name where that is another. */
const parameterExamples: Record<string, unknown> = {
  knitId,
  planId,
  runId,
  id: model,
  name: token.name,
  tag: input.tags,
  since: updatedAt,
  duration: '24h',
  limit: 100,
  after: knitId,
  path: 'images/0001.png',
  'data.ls.path': 'images',
  'data.ls.after': 'first.png',
  'events.watch.after': '4711',
  active: 'true',
  image: summary.image,
  in_tag: input.tags,
  out_tag: output.tags,
  dryRun: '',
  allow: 1000,
  plan: planId,
  run: runId,
  data: knitId,
  knitIdInput: knitId,
  knitIdOutput: model,
  status: 'running,failed',
  follow: '',
  direction: 'up',
  depth: 2,
  besides: 'true',
  format: 'dot',
  patience: 60,
  open: 'true',
  stuck: 'true',
  dead: 'true',
  actor: 'token:ci',
  subject: planId,
  Range: 'bytes=1048576-',
  'If-Range': '"nhB9nTcrtoJr2B01QqQZ1g"',
  'Upload-Offset': '1048576',
  'Upload-Complete': '?1',
  'Last-Event-ID': '4711',
}

export const parameterExampleOf = ({ name }: Route, parameter: string): unknown =>
  parameterExamples[`${name}.${parameter}`] ?? parameterExamples[parameter]

/** What comes with answers, by the names of headers. */
export const headerExamples: Record<string, string> = {
  'X-Request-Id': requestId,
  'Upload-Offset': '1048576',
  'Upload-Complete': '?0',
  'X-Checksum-MD5': '9e107d9d372bb6826bd81d3542a419d6',
  'Cache-Control': 'no-store',
  Vary: 'accept',
  Trailer: 'x-checksum-md5',
  ETag: '"nhB9nTcrtoJr2B01QqQZ1g"',
  'Accept-Ranges': 'bytes',
  'Knit-Content-Digest': digest,
  'Knit-After': `${knitId}~1793536496789`,
  'Content-Range': 'bytes 1048576-9007199254740991/*',
  'Content-Disposition': "attachment; filename*=UTF-8''report.txt",
  'Content-Security-Policy': "default-src 'none'; sandbox",
  'X-Content-Type-Options': 'nosniff',
}

const theRun = `The run ${runId}`

/** What is said of each failure: what happened, to which thing, and what to try next. */
const details: Record<ProblemCode, string> = {
  'bad-request':
    '"since": "yesterday" should be an RFC 3339 date-time such as 2026-01-31T12:34:56+09:00 (write + as %2B in a URL)',
  'bad-tag-change': '"knit#id" is a tag of the system, which nobody can change.',
  'bad-archive':
    '"images/link" is refused: it is a link to the absolute path "/etc/passwd". Pack the archive again without it.',
  'checksum-mismatch':
    'The bytes that arrived have the MD5 9e107d9d372bb6826bd81d3542a419d6, not e4d909c290d0fb1ca068ffaddf22cbd0; push them again.',
  unauthorized:
    'A valid token is needed: Authorization: Bearer TOKEN. Administrators make them: knit admin token create NAME',
  'bad-import-token':
    'The token is none that ends an import here, or it has expired; begin a new import.',
  forbidden:
    'token:ann is a viewer, and this needs the role user: Register a plan. Ask an administrator for a token of that role.',
  'route-not-found': 'There is nothing at /api/run; /api/openapi.json lists what there is.',
  'data-not-found': `No data has the id ${knitId}.`,
  'file-not-found': 'There is nothing at "images/0002.png".',
  'not-a-file': '"images" is a directory.',
  'range-not-satisfiable': 'The file has 1024 bytes, and none of those that are asked for.',
  'plan-not-found': `No plan has the id ${planId}.`,
  'run-not-found': `No run has the id ${runId}.`,
  'thing-not-found': `Neither a data nor a run has the id ${model}.`,
  'run-deleted': `${theRun} was deleted, and its log with it.`,
  'event-not-found': `No dead event has the id ${eventId}; nothing was replayed.`,
  'token-not-found': 'No token ci can be revoked: there is none, or it was revoked before.',
  'log-not-found': `The plan of the run ${runId} keeps no log; add log: to a plan to keep it.`,
  'method-not-allowed': 'Only GET, OPTIONS, POST can be used here.',
  'upload-not-found':
    'Nothing is kept of an upload with this key, as it was too long ago or its server has ended; push it from its first byte.',
  'upload-broken': 'The connection broke before the archive was whole; push it again.',
  'upload-offset': 'Of the archive 1048576 bytes have come; go on with the byte behind them.',
  'upload-stalled':
    'Nothing of the archive came for 60 seconds, so the upload was given up; push it again.',
  'head-stalled': 'The address and the headers did not come to their end in time; send them again.',
  'plan-equivalent': `The plan ${planId} is equivalent; use it, or change what makes them equal.`,
  'plan-cycle':
    'An output of the plan has all the tags that one of its own inputs asks for, so it would run for ever. Let the input ask for a tag that is put on data by hand, or the output put one tag less.',
  'move-prohibited': `${theRun} is done: it cannot be aborted. It has ended, or is ending, already.`,
  'abort-instead': `${theRun} is waiting: it cannot be torn off. It has not begun; abort it instead.`,
  'run-not-finished': `${theRun} is running: it can be deleted when it has ended. Wait for that, or abort it first.`,
  'run-held': `${theRun} is deactivated: it can be deleted when it has ended, and is held until its plan ${planId} is active. Activate that, or abort it first.`,
  'data-in-transfer': `${theRun} cannot be deleted while its data ${model} is being downloaded. Try again when that has ended.`,
  'run-in-use': `${theRun} cannot be deleted: what it has written is read by ${readerId} (running, of registry.example/evaluator:v1.0). Delete downstream runs first, the last of them before the others.`,
  'upload-ended':
    'Somebody ended the upload before it was whole; push the data again if they are wanted all the same.',
  'upload-lost':
    'The upload was taken back, as its server stood still for too long; push it again from its first byte.',
  'volume-missing': `There is no volume ${volumeOf(knitId)} (a directory, and no link to one, where volumes are directories); make it, and end the import then.`,
  'import-missing': `${theRun} of the import was deleted; begin a new one.`,
  'import-over': `${theRun} of the import is failed: it was not ended in time, or somebody stopped it. Begin a new one.`,
  'token-name-taken':
    'There is, or was, a token ci: names are not given twice, as the audit tells people by them. Choose another one.',
  'too-large': 'The body has more than 65536 bytes, which is the limit (maxPlanBytes).',
  'key-refused': 'The Idempotency-Key was used for another request; use a new key for each.',
  'event-refused': 'Batches of events are not served.',
  'too-many-requests': 'Too many requests of token:ci; try again in 3 s.',
  'head-too-large':
    'The address and the headers of the request have more than 16384 bytes together, which is the limit; ask for less at a time.',
  unexpected: `Nobody has planned for this; tell an administrator. The log has the details under the request id ${requestId}.`,
  'data-changed': `What is kept of the data ${model} is not what was stored: its digest is sha256:${'fedcba9876543210'.repeat(4)}, not ${digest}.`,
  'volume-unreachable': `nothing gets at the volume ${volumeOf(model)}: the node of its Pod is away`,
  'not-yet': `${theRun} is waiting: it has not begun to print.`,
  'too-slow':
    'The database has worked on this for as long as it may (KNIT_STATEMENT_TIMEOUT), and given it up. Ask for less: narrow a search by tags, a time or a status, or give a limit; or ask again when there is less to do.',
  unavailable: 'The database does not answer just now; try again in a moment.',
  'storage-full': 'There is no room left on the volume; free some and try again.',
}

/** What is said of a failure by one route, by operation and code, where that would not be understood of it otherwise. */
const ownDetails: Record<string, string> = {
  'data-tag.bad-request':
    'can not understand the requested json: add.0: the tag "digits" has no colon; write it as KEY:VALUE',
}

/** A failure as it is told, in the form that is always known. */
export const exampleOf = (code: ProblemCode): unknown => ({
  message: knownMessage(code, details[code]),
})

/** The same where a route says another reason. */
export const ownExampleOf = (operation: string, code: ProblemCode, reason: string): unknown => ({
  message: knownMessage(code, ownDetails[`${operation}.${code}`] ?? details[code], reason),
})

/** The same as problem details. */
export const problemExampleOf = (code: ProblemCode): unknown => {
  const { title, status } = problems[code]
  const type = `urn:knitfab:problem:${code}`
  return { type, title, status, detail: details[code], code, requestId }
}
