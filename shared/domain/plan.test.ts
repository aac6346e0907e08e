import { expect, test } from 'vitest'
import { Invalid } from './invalid.ts'
import { canonicalPlan, definePlan, PlanSpec } from './plan.ts'

const limits = { maxTags: 3, maxTagBytes: 100, maxInputs: 2, maxOutputs: 2 }
const good = {
  image: 'example.test/a:1',
  inputs: [{ path: '/in', tags: ['a:1'] }],
  outputs: [{ path: '/out', tags: [] }],
}
const define = (spec: object) => definePlan(PlanSpec.parse({ ...good, ...spec }), limits)

/** The subject of the fault that is reported first. */
function faultOf(spec: object): unknown {
  try {
    define(spec)
    return undefined
  } catch (error) {
    return error instanceof Invalid ? error.subject : error
  }
}

test('what a plan leaves out has its default', () => {
  expect(define({})).toEqual({
    image: { repository: 'example.test/a', tag: '1' },
    entrypoint: [],
    args: [],
    inputs: [{ path: '/in', tags: [{ key: 'a', value: '1' }] }],
    outputs: [{ path: '/out', tags: [] }],
    onNode: { may: [], prefer: [], must: [] },
    resources: { cpu: '1', memory: '1Gi' },
    annotations: [],
    active: true,
  })
  expect(define({ active: null, log: null, service_account: '' })).toEqual(define({}))
})

test('resources are canonical, and a default is only what is missing', () => {
  expect(define({ resources: { memory: '1024Mi', gpu: 1, cpu: null } }).resources).toEqual({
    cpu: '0',
    memory: '1Gi',
    gpu: '1',
  })
})

test('a plan may have no output, and a log without tags', () => {
  expect(define({ outputs: null, log: {} })).toMatchObject({ outputs: [], log: { tags: [] } })
})

test('system tags of an input become what it asks of the system', () => {
  const id = '00000000-0000-7000-8000-000000000001'
  const tags = [`knit#id:${id}`, 'knit#timestamp:2026-01-02T03:04:05Z', 'b:1', 'b:1']
  expect(
    definePlan(PlanSpec.parse({ ...good, inputs: [{ path: '/in', tags }] }), {
      ...limits,
      maxTags: 9,
    }).inputs,
  ).toEqual([
    {
      path: '/in',
      tags: [{ key: 'b', value: '1' }],
      knitId: id,
      timestamp: new Date('2026-01-02T03:04:05Z'),
    },
  ])
})

const two = '00000000-0000-7000-8000-00000000000'
test.for([
  [{ image: null }, 'nameless or versionless image'],
  [{ image: '' }, 'nameless or versionless image'],
  [{ image: 'Bad@' }, 'can not understand the requested json'],
  [{ inputs: [] }, 'unreachable plan'],
  [{ inputs: null }, 'unreachable plan'],
  [{ inputs: [{ path: '', tags: ['a:1'] }] }, 'bad mountpoint path'],
  [{ inputs: [{ path: 'in', tags: ['a:1'] }] }, 'bad mountpoint path'],
  [{ outputs: [{ path: '/a/../b' }] }, 'bad mountpoint path'],
  [{ inputs: [{ path: '/in', tags: [] }] }, 'bad tag'],
  [{ inputs: [{ path: '/in' }] }, 'bad tag'],
  [{ inputs: [{ path: '/in', tags: ['knit#transient:failed'] }] }, 'bad tag'],
  [{ inputs: [{ path: '/in', tags: ['knit#other:1'] }] }, 'bad tag'],
  [{ inputs: [{ path: '/in', tags: [`knit#id:${two}1`, `knit#id:${two}2`] }] }, 'bad tag'],
  [{ inputs: [{ path: '/in', tags: ['a:1', 'a:2', 'a:3', 'a:4'] }] }, 'bad tag'],
  [{ outputs: [{ path: '/out', tags: ['knit#id:x'] }] }, 'bad tag'],
  [{ log: { tags: ['knit#id:x'] } }, 'bad tag'],
  [{ outputs: [{ path: '/in/below' }] }, 'mountpoints are overlapped'],
  [{ outputs: [{ path: '/in' }] }, 'mountpoints are overlapped'],
  [{ on_node: { must: ['a b=c'] } }, 'on_node: invalid key'],
  [{ on_node: { must: ['a='] } }, 'on_node: invalid value'],
  [{ service_account: 'No Name' }, 'bad service account'],
  [{ entrypoint: ['nul \0'] }, 'bad request'],
] as const)('the fault of %j is "%s"', ([spec, subject]) => {
  expect(faultOf(spec)).toBe(subject)
})

test('of several faults the first, in the order of the API, is reported', () => {
  expect(faultOf({ on_node: { may: ['=x'] }, image: '' })).toBe('on_node: invalid key')
  expect(faultOf({ image: '', inputs: [] })).toBe('nameless or versionless image')
  expect(faultOf({ inputs: [], outputs: [{ path: '' }] })).toBe('unreachable plan')
})

test('too many inputs or outputs are refused by a message that names the cap', () => {
  const mounts = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ path: `/m${index}`, tags: ['a:1'] }))
  expect(() => define({ inputs: mounts(3) })).toThrow(/maxInputs.*2/)
  expect(() => define({ outputs: mounts(3) })).toThrow(/maxOutputs.*2/)
})

const canonical = (spec: object) => canonicalPlan(define(spec))

test('the order of mount points, tags and labels, and what is not compared, make no plan different', () => {
  const one = {
    inputs: [
      { path: '/a', tags: ['x:1', 'y:1'] },
      { path: '/b', tags: ['z:1'] },
    ],
    outputs: [{ path: '/p' }, { path: '/q' }],
    on_node: { must: ['a=1', 'b=1'] },
  }
  const other = {
    inputs: [
      { path: '/b/', tags: ['z:1', 'z:1'] },
      { path: '/a', tags: ['y:1', 'x:1'] },
    ],
    outputs: [{ path: '/q' }, { path: '/p' }],
    on_node: { must: ['b=1', 'a=1'] },
    resources: { cpu: 3 },
    service_account: 'x',
    annotations: ['a=b'],
    active: false,
  }
  expect(canonical(one)).toBe(canonical(other))
})

test.for([
  { image: 'example.test/a:2' },
  { inputs: [{ path: '/in2', tags: ['a:1'] }] },
  { inputs: [{ path: '/in', tags: ['a:2'] }] },
  { inputs: [{ path: '/in', tags: ['a:1', 'knit#timestamp:2026-01-02T03:04:05Z'] }] },
  { outputs: [] },
  { outputs: [{ path: '/out', tags: ['a:1'] }] },
  { log: {} },
  { log: { tags: ['a:1'] } },
  { entrypoint: ['a'] },
  { args: ['a'] },
  { on_node: { may: ['a=1'] } },
  { on_node: { must: ['a=1'] } },
])('%j makes a plan different', (change) => {
  expect(canonical(change)).not.toBe(canonical({}))
})

test('what is joined differently is different', () => {
  expect(canonical({ args: ['a b'] })).not.toBe(canonical({ args: ['a', 'b'] }))
  expect(canonical({ args: ['a'] })).not.toBe(canonical({ entrypoint: ['a'] }))
  expect(canonical({ log: {} })).not.toBe(canonical({ log: { tags: ['log:1'] } }))
})
