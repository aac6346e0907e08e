import { expect, test } from 'vitest'
import {
  programTrace,
  runOfWorker,
  volumeOf,
  workerOf,
  workerSpec,
  type Work,
} from './worker-spec.ts'

const run = { id: '00000000-0000-7000-8000-000000000001', planId: 'p', attempt: 2 }
const work: Work = {
  image: 'example.test/a:1',
  entrypoint: ['run'],
  args: ['fast'],
  onNode: { must: [{ key: 'gpu', value: 'yes' }] },
  resources: { cpu: '500m', memory: '1Gi', gpu: '2' },
  annotations: [],
  serviceAccount: null,
  inputs: [
    { path: '/in/a', knitId: 'd' },
    { path: '/in/b', knitId: 'd' },
  ],
  outputs: [
    { path: '/out', knitId: 'o' },
    { path: null, knitId: 'l' },
  ],
}

test('the name of a worker says of which attempt of which run it is', () => {
  expect(workerOf(run)).toBe(`worker-run-${run.id}-2`)
  expect(runOfWorker(workerOf(run))).toEqual({ id: run.id, attempt: 2 })
})

test.for([
  '',
  'worker-run-',
  `worker-run-${run.id}`,
  `worker-run-${run.id}-`,
  `worker-run-${run.id}-x`,
  `x-worker-run-${run.id}-1`,
  `worker-run-${run.id}-1-2`,
  `worker-run-${run.id.toUpperCase().replace('7', 'A')}-1`,
  `worker-run-${run.id}-12345678901`,
])('the name %j is of no worker of ours', (name) => {
  expect(runOfWorker(name)).toBeUndefined()
})

test('a run becomes a worker: the same data twice is one volume mounted twice, the log is not mounted', () => {
  expect(workerSpec(run, work)).toEqual({
    name: `worker-run-${run.id}-2`,
    labels: { run: run.id, plan: 'p', attempt: '2' },
    image: 'example.test/a:1',
    entrypoint: ['run'],
    args: ['fast'],
    env: {},
    inputs: [
      { volume: volumeOf('d'), path: '/in/a' },
      { volume: volumeOf('d'), path: '/in/b' },
    ],
    outputs: [{ volume: volumeOf('o'), path: '/out' }],
    logVolume: volumeOf('l'),
    limits: { cpu: 0.5, memory: 2 ** 30, gpu: 2 },
    network: false,
    onNode: { may: [], prefer: [], must: [{ key: 'gpu', value: 'yes' }] },
  })
})

test('a program may use the network only when its plan says so', () => {
  const network = (key: string, value: string) =>
    workerSpec(run, { ...work, annotations: [{ key, value }] }).network
  expect(network('knit.network', 'yes')).toBe(true)
  expect(network('knit.network', 'no')).toBe(false)
  expect(network('other', 'yes')).toBe(false)
})

const traced = { ...run, traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }

test('a program is told of its own span in the trace of its run, another for each attempt', () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-0002000000000001-01'
  expect(workerSpec(traced, work)).toMatchObject({
    traceparent,
    env: { TRACEPARENT: traceparent },
  })
  expect(programTrace({ ...traced, attempt: 3 })).toBe(traceparent.replace('0002', '0003'))
})

test('of a run that is in no trace the program is told of none', () => {
  for (const traceparent of [null, undefined])
    expect(workerSpec({ ...run, ...(traceparent === null && { traceparent }) }, work)).toEqual(
      expect.not.objectContaining({ traceparent: expect.anything() }),
    )
  expect(workerSpec(run, work).env).toEqual({})
})
