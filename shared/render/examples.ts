import { problems, type ProblemCode } from '#shared/contracts/problems.ts'

const [knitId, model, log] = [
  '0199c2a4-6d0e-7c11-9b57-0c4f4a1de001',
  '0199c2a4-6d0e-7c11-9b57-0c4f4a1de002',
  '0199c2a4-6d0e-7c11-9b57-0c4f4a1de003',
]
const planId = '0199c2a4-6d0e-7c11-9b57-0c4f4a1de0aa'
const uploaded = { planId: '0199c2a4-6d0e-7c11-9b57-0c4f4a1de0bb', name: 'knit#uploaded' }
const runId = '0199c2a4-6d0e-7c11-9b57-0c4f4a1de0cc'
const updatedAt = '2026-11-01T12:34:56.789+00:00'

const summary = {
  planId,
  image: 'registry.example/trainer:v1.0',
  args: ['--epochs', '10'],
  annotations: ['description=trains on digits'],
}
const run = { runId, status: 'done', updatedAt, exit: { code: 0, message: '' }, plan: summary }
const input = { path: '/in/dataset', tags: ['mode:training', 'project:digits'] }
const output = { path: '/out/model', tags: ['type:model'] }

/** What things look like, by the names of their schemas. */
export const examples: Record<string, unknown> = {
  TagChange: { add: ['project:digits'], remove: ['state:raw'], remove_key: ['owner'] },
  DataDetail: {
    knitId,
    tags: [`knit#id:${knitId}`, `knit#timestamp:${updatedAt}`, 'mode:training', 'project:digits'],
    upstream: {
      mountpoint: { path: '/upload', tags: [] },
      run: {
        runId: '0199c2a4-6d0e-7c11-9b57-0c4f4a1de0dd',
        status: 'done',
        updatedAt,
        plan: uploaded,
      },
    },
    downstreams: [{ mountpoint: input, run }],
    nomination: [{ ...input, plan: summary }],
    content: { bytes: 52_428_800, files: 60_000, digest: `sha256:${'0123456789abcdef'.repeat(4)}` },
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
  ResourceLimitChange: { set: { cpu: '500m', 'nvidia.com/gpu': 1 }, unset: ['memory'] },
  AnnotationChange: { add: ['owner=ann'], remove: ['state=draft'], remove_key: ['note'] },
  SetServiceAccount: { service_account: 'trainer' },
  RunDetail: {
    ...run,
    inputs: [{ ...input, knitId }],
    outputs: [{ ...output, knitId: model }],
    log: { tags: ['type:log'], knitId: log },
    attempt: 1,
    createdAt: '2026-11-01T12:30:00+00:00',
  },
  Lineage: {
    id: model,
    data: [
      { knitId, tags: [`knit#id:${knitId}`, 'project:digits'] },
      { knitId: model, tags: [`knit#id:${model}`, 'type:model'] },
    ],
    runs: [{ runId, status: 'done', updatedAt, planId, plan: summary.image }],
    edges: [
      { from: knitId, to: runId, path: input.path },
      { from: runId, to: model, path: output.path },
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
}

/** A failure as it is told, in the form that is always known. */
export const exampleOf = (code: ProblemCode): unknown => {
  const { reason } = problems[code]
  return { message: isAlone(reason) ? reason : `${reason}\n${detail}` }
}

const isAlone = (reason: string): boolean =>
  reason === 'Not Found' || reason === 'Method Not Allowed'

/** The same as problem details. */
export const problemExampleOf = (code: ProblemCode): unknown => {
  const { title, status } = problems[code]
  const type = `urn:knitfab:problem:${code}`
  return { type, title, status, detail, code, requestId: '0199c2a4-6d0e-7c11-9b57-0c4f4a1de0ee' }
}

const detail = 'What happened, to which thing, and what to try next.'
