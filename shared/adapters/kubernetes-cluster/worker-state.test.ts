import type {
  CoreV1Event,
  V1ContainerState,
  V1Job,
  V1JobCondition,
  V1Pod,
  V1PodStatus,
} from '@kubernetes/client-node'
import { expect, test } from 'vitest'
import { stateOf, type Found } from './worker-state.ts'

const at = new Date('2026-01-01T01:00:00Z')
const startedAt = new Date('2026-01-01T00:10:00Z')
const finishedAt = new Date('2026-01-01T00:20:00Z')
const never = new Date(0)

const job = (suspend: boolean, ...conditions: Partial<V1JobCondition>[]): V1Job =>
  ({
    spec: { suspend },
    status: { conditions: conditions.map((one) => ({ status: 'True', ...one })) },
  }) as V1Job

const released = job(false)
const failed = job(false, { type: 'Failed', reason: 'BackoffLimitExceeded' })

type Containers = { main?: V1ContainerState; check?: V1ContainerState; log?: V1ContainerState }

function pod(phase: string, containers: Containers = {}, status: Partial<V1PodStatus> = {}): V1Pod {
  const of = (name: keyof Containers) => ({ name, state: containers[name] ?? {}, imageID: '' })
  const imageID = 'registry.test/program@sha256:1'
  return {
    metadata: { creationTimestamp: startedAt },
    spec: { containers: [{ name: 'main', image: 'registry.test/program:1' }] },
    status: {
      phase,
      initContainerStatuses: [of('log'), of('check')],
      containerStatuses: [{ ...of('main'), imageID: containers.main?.waiting ? '' : imageID }],
      ...status,
    },
  } as V1Pod
}

const ended = (exitCode: number, reason: string, message?: string): V1ContainerState => ({
  terminated: { exitCode, reason, message, startedAt, finishedAt },
})

const waiting = (reason: string, message?: string): V1ContainerState => ({
  waiting: { reason, message },
})

const see = (found: Partial<Found>) =>
  stateOf({ job: released, pods: [], events: [], at, ...found })

const warning = (reason: string, message: string): CoreV1Event =>
  ({ type: 'Warning', reason, message, lastTimestamp: startedAt }) as CoreV1Event

const image = 'registry.test/program@sha256:1'

test('a Job that was not released is suspended', () => {
  expect(see({ job: job(true) })).toEqual({ phase: 'suspended' })
})

test('a Job whose program runs is running, also while the log is still kept', () => {
  const running = { phase: 'running', startedAt, image }
  expect(see({ pods: [pod('Running', { main: { running: { startedAt } } })] })).toEqual(running)
  expect(see({ pods: [pod('Running', { main: ended(0, 'Completed') })] })).toEqual(running)
  expect(see({ pods: [pod('Running', { main: ended(1, 'Error') })] })).toEqual(running)
})

test('a Job whose Pod has succeeded has, with what was measured', () => {
  const measures = { a: { bytes: 1, files: 1, digest: 'sha256:0' } }
  const log = ended(0, 'Completed', JSON.stringify(measures))
  const succeeded = { phase: 'succeeded', startedAt, endedAt: finishedAt, image }
  const main = ended(0, 'Completed')

  expect(see({ pods: [pod('Succeeded', { main, log })] })).toEqual({ ...succeeded, measures })
  const unmeasured = pod('Succeeded', { main, log: ended(1, 'Error', 'no JSON') })
  expect(see({ pods: [unmeasured] })).toEqual(succeeded)
})

test('a Job that is complete has succeeded, also when its Pod is gone', () => {
  const complete = job(false, { type: 'Complete' })
  const status = { ...complete.status, startTime: startedAt, completionTime: finishedAt }
  expect(see({ job: { ...complete, status } })).toEqual({
    phase: 'succeeded',
    startedAt,
    endedAt: finishedAt,
  })
})

const pull = (words: string) => `Back-off pulling image "registry.test/program:1": ${words}`

test.each<[what: string, reason: string | undefined, found: Partial<Found>]>([
  ['nothing is known of', undefined, {}],
  [
    'no Pod can be made for',
    'FailedCreate: service account knit-worker not found',
    { events: [warning('FailedCreate', 'service account knit-worker not found')] },
  ],
  [
    'no node has room for',
    '0/3 nodes are available: 3 Insufficient nvidia.com/gpu.',
    {
      pods: [
        pod(
          'Pending',
          {},
          {
            conditions: [
              {
                type: 'PodScheduled',
                status: 'False',
                reason: 'Unschedulable',
                message: '0/3 nodes are available: 3 Insufficient nvidia.com/gpu.',
              },
            ],
          },
        ),
      ],
    },
  ],
  [
    'a registry does not answer',
    `ImagePullBackOff: ${pull('dial tcp: i/o timeout')}`,
    {
      pods: [pod('Pending', { main: waiting('ImagePullBackOff', pull('dial tcp: i/o timeout')) })],
    },
  ],
  [
    'our own image is missing for',
    'ErrImagePull: not found',
    { pods: [pod('Pending', { log: waiting('ErrImagePull', 'not found') })] },
  ],
  [
    'a volume cannot be mounted for',
    'FailedMount: no such claim',
    {
      pods: [pod('Pending', { main: waiting('PodInitializing') })],
      events: [warning('FailedMount', 'no such claim')],
    },
  ],
  [
    'the kubelet cannot make the container of',
    'CreateContainerError: invalid mount',
    { pods: [pod('Pending', { main: waiting('CreateContainerError', 'invalid mount') })] },
  ],
])('a Job that %s is pending: %s', (_what, reason, found) => {
  expect(see(found)).toEqual({ phase: 'pending', ...(reason && { reason }) })
})

test('a trouble that is over is no reason to be pending any more', () => {
  const events = [
    { ...warning('FailedMount', 'not yet'), lastTimestamp: never },
    { type: 'Normal', reason: 'Pulled', lastTimestamp: startedAt } as CoreV1Event,
  ]
  expect(see({ pods: [pod('Pending')], events })).toEqual({ phase: 'pending' })
})

const cannotStart = (message: string): V1ContainerState => ({
  terminated: { exitCode: 128, reason: 'StartError', message, startedAt: never, finishedAt },
})

const disrupted = (reason: string, message: string) => ({
  conditions: [{ type: 'DisruptionTarget', status: 'True', reason, message }],
})

const gone = (one: V1Pod): V1Pod => ({
  ...one,
  metadata: { ...one.metadata, deletionTimestamp: finishedAt },
})

test.each<[what: string, end: [code: number, cause: string, says: RegExp], found: Partial<Found>]>([
  [
    'exits',
    [7, 'program', /^\(container main\) Error$/],
    { pods: [pod('Failed', { main: ended(7, 'Error') })] },
  ],
  [
    'takes more memory than it may',
    [137, 'program', /^\(container main\) OOMKilled$/],
    { pods: [pod('Failed', { main: ended(137, 'OOMKilled') })] },
  ],
  [
    'does not exist',
    [127, 'plan', /cannot be executed: it was not found: .*"\/no"/],
    {
      pods: [
        pod('Failed', { main: cannotStart('exec: "/no": stat /no: no such file or directory') }),
      ],
    },
  ],
  [
    'is no program',
    [126, 'plan', /it is not an executable file/],
    { pods: [pod('Failed', { main: cannotStart('exec: "/a": permission denied') })] },
  ],
  [
    'cannot be started',
    [128, 'plan', /it cannot be started: mount of \/proc/],
    { pods: [pod('Failed', { main: cannotStart('mount of /proc') })] },
  ],
  [
    'has outputs with something in them',
    [255, 'machine', /\/out is not empty/],
    {
      pods: [
        pod('Failed', {
          check: ended(1, 'Error', '/out is not empty'),
          main: waiting('PodInitializing'),
        }),
      ],
    },
  ],
  [
    'is evicted',
    [137, 'machine', /Evicted: The node was low on resource: memory/],
    {
      pods: [
        pod(
          'Failed',
          { main: ended(137, 'Error') },
          {
            reason: 'Evicted',
            message: 'The node was low on resource: memory',
          },
        ),
      ],
    },
  ],
  [
    'is preempted',
    [143, 'machine', /PreemptionByScheduler: preempting to accommodate/],
    {
      pods: [
        pod(
          'Failed',
          { main: ended(143, 'Error') },
          disrupted('PreemptionByScheduler', 'preempting to accommodate a higher priority pod'),
        ),
      ],
    },
  ],
  [
    'is lost with its node',
    [255, 'machine', /DeletionByTaintManager/],
    { pods: [pod('Failed', {}, disrupted('DeletionByTaintManager', 'Taint manager: deleting'))] },
  ],
  [
    'was on a node that was shut down',
    [255, 'machine', /NodeShutdown: Pod was terminated in response to imminent node shutdown/],
    {
      pods: [
        pod(
          'Failed',
          {},
          {
            reason: 'NodeShutdown',
            message: 'Pod was terminated in response to imminent node shutdown.',
          },
        ),
      ],
    },
  ],
  [
    'is of a container the kubelet has lost',
    [137, 'machine', /could not be located/],
    {
      pods: [
        pod('Failed', {
          main: ended(137, 'ContainerStatusUnknown', 'The container could not be located'),
        }),
      ],
    },
  ],
  [
    'has its Pod deleted by somebody',
    [143, 'machine', /^its Pod was deleted$/],
    { pods: [gone(pod('Failed', { main: ended(143, 'Error') }))] },
  ],
  ['has its Pod vanish', [255, 'machine', /^its Pod was deleted$/], { job: failed }],
  [
    'takes longer than an admin lets it',
    [143, 'program', /DeadlineExceeded/],
    {
      job: job(false, { type: 'Failed', reason: 'DeadlineExceeded' }),
      pods: [pod('Failed', { main: ended(143, 'Error') })],
    },
  ],
  [
    'has an image that does not exist',
    [255, 'plan', /program:1 cannot be pulled: .*not found\. Check its name and tag/],
    { pods: [pod('Pending', { main: waiting('ErrImagePull', pull('not found')) })] },
  ],
  [
    'has an image whose name is none',
    [255, 'plan', /cannot be pulled: couldn't parse/],
    { pods: [pod('Pending', { main: waiting('InvalidImageName', "couldn't parse image name") })] },
  ],
  ['fails and nothing says why', [255, 'machine', /nothing says why/], { pods: [pod('Failed')] }],
])(
  'a program that %s has failed, with code, cause and reason',
  (_what, [exitCode, cause, says], found) => {
    expect(see(found)).toMatchObject({
      phase: 'failed',
      exitCode,
      cause,
      message: expect.stringMatching(says),
      endedAt: expect.any(Date),
    })
  },
)

test('a program that failed says when it began and ended; one that never began has no beginning', () => {
  const began = see({ pods: [pod('Failed', { main: ended(1, 'Error') })] })
  expect(began).toMatchObject({ startedAt, endedAt: finishedAt, image })
  const never = see({ pods: [pod('Failed', { main: cannotStart('not found') })] })
  expect(never).not.toHaveProperty('startedAt')
})

test('of two Pods the newer one counts', () => {
  const old = {
    ...pod('Failed', { main: ended(1, 'Error') }),
    metadata: { creationTimestamp: never },
  }
  expect(see({ pods: [old, pod('Running', { main: { running: { startedAt } } })] })).toMatchObject({
    phase: 'running',
  })
})
