import {
  V1MicroTime,
  type CoreV1Event,
  type V1ContainerState,
  type V1ContainerStatus,
  type V1Job,
  type V1JobCondition,
  type V1Pod,
  type V1PodStatus,
} from '@kubernetes/client-node'
import { expect, test } from 'vitest'
import { stateOf, type Found } from './worker-state.ts'

const at = new Date('2026-01-01T01:00:00Z')
const startedAt = new Date('2026-01-01T00:10:00Z')
const finishedAt = new Date('2026-01-01T00:20:00Z')
const never = new Date(0)

const job = (suspend: boolean, ...conditions: Partial<V1JobCondition>[]): V1Job =>
  ({
    metadata: { labels: { 'knit/worker.plan': 'p1' } },
    spec: { suspend },
    status: { conditions: conditions.map((one) => ({ status: 'True', ...one })) },
  }) as unknown as V1Job

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

const refusedPod = (words: string) => ({
  events: [
    warning('FailedCreate', `Error creating: pods "worker-run-r-1-" is forbidden: ${words}`),
  ],
})

const unscheduled = (message: string) =>
  pod(
    'Pending',
    {},
    { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }] },
  )

const unprovisioned = {
  ...warning('ProvisioningFailed', 'storageclass.storage.k8s.io "no-such-class" not found'),
  involvedObject: { kind: 'PersistentVolumeClaim', name: 'data-knitid-1' },
}

test('a Job of which nothing is known yet is pending', () => {
  expect(see({})).toEqual({ phase: 'pending' })
})

test.each<[what: string, says: RegExp, found: Partial<Found>]>([
  [
    'whose account does not exist',
    /^FailedCreate: .*serviceaccount "trainer" not found; an admin has to make that service account, or/,
    refusedPod('error looking up service account knit/trainer: serviceaccount "trainer" not found'),
  ],
  [
    'whose priority class does not exist',
    /^FailedCreate: .*no PriorityClass with name .*; an admin has to .* workers\.priorityClass/,
    refusedPod('no PriorityClass with name knit-worker was found'),
  ],
  [
    'that asks for more than a LimitRange lets it',
    /^FailedCreate: maximum memory usage .*; .* LimitRange; .* knit plan resource p1 --set/,
    {
      events: [
        warning('FailedCreate', 'maximum memory usage per Container is 1Gi, but limit is 4Gi'),
      ],
    },
  ],
  [
    'that names no limit of what a quota counts',
    /^FailedCreate: .*must specify limits\.cpu for: check,log; an admin .* default, by a LimitRange/,
    refusedPod('failed quota: compute: must specify limits.cpu for: check,log'),
  ],
  [
    'that a namespace is too strict for',
    /^FailedCreate: .*violates PodSecurity .*; an admin .*enforce=baseline of this namespace, .* workers\.profile/,
    refusedPod(
      'violates PodSecurity "restricted:latest": runAsNonRoot != true (pod or container "main" must set securityContext.runAsNonRoot=true)',
    ),
  ],
  [
    'that no node is meant for',
    /^0\/1 nodes are available: 1 node.*affinity.*; it begins when there is a node with the labels and taints/,
    {
      pods: [
        unscheduled(
          "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
        ),
      ],
    },
  ],
  [
    'whose volume cannot be made',
    /^0\/1 .*unbound immediate PersistentVolumeClaims.*; ProvisioningFailed: storageclass.* "no-such-class" not found; an admin .* volumes\.storageClass/,
    {
      pods: [
        unscheduled(
          '0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found',
        ),
      ],
      events: [warning('FailedScheduling', 'the same again'), unprovisioned],
    },
  ],
  [
    'whose registry does not answer',
    /^ImagePullBackOff: Back-off pulling .*dial tcp: i\/o timeout; its registry does not answer the nodes; it is tried again$/,
    {
      pods: [pod('Pending', { main: waiting('ImagePullBackOff', pull('dial tcp: i/o timeout')) })],
    },
  ],
  [
    'whose registry is not up',
    /^ErrImagePull: .*connection refused; its registry does not answer the nodes; it is tried again$/,
    {
      pods: [
        pod('Pending', {
          main: waiting(
            'ErrImagePull',
            'failed to do request: Head "https://registry.test/v2/program/manifests/1": dial tcp 192.0.2.1:443: connect: connection refused',
          ),
        }),
      ],
    },
  ],
  [
    'for which our own image is missing',
    /^\(container log\) ErrImagePull: not found; that is our own image: .* image\.repository and image\.pullSecrets of the chart$/,
    { pods: [pod('Pending', { log: waiting('ErrImagePull', 'not found') })] },
  ],
  [
    'to which the registry does not give our own image',
    /^\(container check\) ImagePullBackOff: .*denied; that is our own image: .* image\.pullSecrets/,
    { pods: [pod('Pending', { check: waiting('ImagePullBackOff', pull('denied')) })] },
  ],
  [
    'for which an image is missing that somebody else has put beside it',
    /^\(container mesh\) ErrImagePull: not found$/,
    {
      pods: [
        pod(
          'Pending',
          {},
          {
            initContainerStatuses: [
              { name: 'mesh', state: waiting('ErrImagePull', 'not found') } as V1ContainerStatus,
            ],
          },
        ),
      ],
    },
  ],
  [
    'whose volume cannot be mounted',
    /^FailedMount: MountVolume\.SetUp failed .* Connection timed out; it begins when its volumes can be mounted/,
    {
      pods: [pod('Pending', { main: waiting('PodInitializing') })],
      events: [
        warning(
          'FailedMount',
          'MountVolume.SetUp failed for volume "pvc-1" : mount failed: exit status 32\nmount.nfs: Connection timed out',
        ),
      ],
    },
  ],
  [
    'whose container the kubelet cannot make',
    /^CreateContainerError: invalid mount$/,
    { pods: [pod('Pending', { main: waiting('CreateContainerError', 'invalid mount') })] },
  ],
])('a Job %s is pending, with why and what to do: %s', (_what, says, found) => {
  const expected = { phase: 'pending', reason: expect.stringMatching(new RegExp(says, 's')) }
  expect(see(found)).toEqual(expected)
})

test('a Job that a quota keeps from beginning is in a queue, and says what it waits for', () => {
  const words =
    'exceeded quota: compute, requested: limits.cpu=1, used: limits.cpu=8, limited: limits.cpu=8'
  expect(see(refusedPod(words))).toEqual({
    phase: 'pending',
    reason: expect.stringMatching(/exceeded quota: .*; it goes on when others have ended/),
    queued: true,
  })
})

test('a Job that no node has room for is in a queue, and says how to ask for less', () => {
  const words =
    '0/3 nodes are available: 3 Insufficient nvidia.com/gpu. preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.'
  expect(see({ pods: [unscheduled(words)] })).toEqual({
    phase: 'pending',
    reason: expect.stringMatching(
      /^0\/3 nodes are available: 3 Insufficient nvidia\.com\/gpu\. .*; it begins when a node .*: knit plan resource p1 --set NAME=AMOUNT, then stop and retry the run$/,
    ),
    queued: true,
  })
})

test('of events the one that was seen last tells, by whichever clock it is told', () => {
  const eventTime = new V1MicroTime(never)
  const lastObservedTime = new V1MicroTime(finishedAt)
  const again = { ...warning('Again', 'still'), eventTime, series: { lastObservedTime } }
  const events = [warning('Before', 'once'), { ...again, lastTimestamp: never }]
  expect(see({ pods: [pod('Pending')], events: events as CoreV1Event[] })).toMatchObject({
    reason: 'Again: still',
  })
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
    'is on a node that has been lost, and stays as it was last seen',
    [255, 'machine', /^its node was lost, or emptied by an admin: DeletionByTaintManager: /],
    {
      pods: [
        gone(
          pod(
            'Running',
            { main: { running: { startedAt } } },
            disrupted('DeletionByTaintManager', 'Taint manager: deleting due to NoExecute taint'),
          ),
        ),
      ],
    },
  ],
  [
    'is for another kind of machine, says the runtime',
    [126, 'plan', /it is for another kind of machine: /],
    { pods: [pod('Failed', { main: cannotStart('exec: "/a": exec format error') })] },
  ],
  [
    'is for another kind of machine, says what was started in its place',
    [126, 'plan', /it is for another kind of machine: exec \/a: exec format error/],
    {
      pods: [pod('Failed', { main: ended(255, 'Error', 'exec /a: exec format error\n') })],
    },
  ],
  [
    'prints what a runtime might',
    [1, 'program', /^\(container main\) Error$/],
    {
      pods: [pod('Failed', { main: ended(1, 'Error', 'one\nexec /a: exec format error\n') })],
    },
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
    'has an image that its registry does not give',
    [255, 'plan', /401 Unauthorized\. Check its name; .* workers\.imagePullSecrets/],
    {
      pods: [
        pod('Pending', {
          main: waiting(
            'ErrImagePull',
            'failed to pull and unpack image: failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://registry.test/token: 401 Unauthorized',
          ),
        }),
      ],
    },
  ],
  [
    'has an image for other machines',
    [255, 'plan', /no match for platform.* It is for other machines: build it for/],
    {
      pods: [
        pod('Pending', {
          main: waiting('ErrImagePull', 'no match for platform in manifest: not found'),
        }),
      ],
    },
  ],
  [
    'has an image whose name is none',
    [255, 'plan', /cannot be pulled: couldn't parse/],
    { pods: [pod('Pending', { main: waiting('InvalidImageName', "couldn't parse image name") })] },
  ],
  ...[
    'image will run as root',
    'image has non-numeric user (node), cannot verify user is non-root',
  ].map((words): [string, [number, string, RegExp], Partial<Found>] => [
    `may not be root, of whose container is said that its ${words},`,
    [255, 'plan', /program:1 cannot be executed: .*\. Programs may not be root here .* a number/],
    {
      pods: [
        pod('Pending', {
          main: waiting(
            'CreateContainerConfigError',
            `container has runAsNonRoot and ${words} (pod: "worker-run-r-1_knit(0a1b)", container: main)`,
          ),
        }),
      ],
    },
  ]),
  [
    'nobody has named, neither plan nor image,',
    [255, 'plan', /program:1 cannot be executed: .* It has no command .* give the plan an entry/],
    {
      pods: [
        pod('Pending', {
          main: waiting(
            'CreateContainerError',
            'failed to generate container "0a1b" spec: failed to generate spec: no command specified',
          ),
        }),
      ],
    },
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

test('a program whose Pod is ended while it still runs, by somebody it hears, is given its time', () => {
  const evicted = disrupted('EvictionByEvictionAPI', 'Eviction API: evicting')
  const main = { running: { startedAt } }
  for (const one of [gone(pod('Running', { main }, evicted)), gone(pod('Running', { main }))])
    expect(see({ pods: [one] })).toMatchObject({ phase: 'running' })
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
