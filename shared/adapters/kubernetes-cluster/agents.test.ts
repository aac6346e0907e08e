import type { CoreV1Event, V1Pod } from '@kubernetes/client-node'
import { expect, test, vi } from 'vitest'
import { Unreachable } from '#shared/ports/cluster.ts'
import { agentsIn } from './agents.ts'
import type { Api } from './api.ts'
import type { ClusterSettings } from './settings.ts'

// Time passes when somebody waits for it.
const clock = vi.hoisted(() => ({ now: 0 }))
vi.mock('node:timers/promises', () => ({
  setTimeout: async (milliseconds: number) => {
    clock.now += milliseconds
  },
}))
vi.spyOn(Date, 'now').mockImplementation(() => clock.now)

const settings = {
  namespace: 'n',
  image: 'registry.test/knitfab:1',
  workers: { pullSecrets: [] as string[] },
  agents: {},
  signingKey: 'k'.repeat(32),
} as unknown as ClusterSettings

const call = (core: object) => agentsIn({ core } as unknown as Api, settings)('v', 'ro', {})

const nothing = async (): Promise<V1Pod> => {
  throw Object.assign(new Error(), { code: 404, body: { message: 'not found' } })
}

test.for([
  [
    'maximum memory usage per Container is 256Mi, but limit is 512Mi',
    /; an admin has to let a LimitRange .* functions\.agent\.resources/,
  ],
  [
    'no PriorityClass with name urgent was found',
    /; an admin has to make it, .* functions\.agent\.priorityClassName/,
  ],
  ['a policy does not let it', /: a policy does not let it$/],
] as const)(
  'that an agent is refused is the fault of nobody who asks for data: an admin sees to that: %s',
  async ([words, says]) => {
    const calling = call({
      readNamespacedPod: nothing,
      readNamespacedPersistentVolumeClaim: async () => ({ metadata: { name: 'v', uid: '1' } }),
      createNamespacedPod: async () => {
        const message = `pods "agent-v-ro" is forbidden: ${words}`
        throw Object.assign(new Error(), { code: 403, body: { message } })
      },
    })
    await expect(calling).rejects.toThrow(Unreachable)
    await expect(calling).rejects.toThrow(says)
  },
)

const about = { metadata: {}, involvedObject: {} }
const warning = (reason: string, message: string): CoreV1Event => ({
  ...about,
  type: 'Warning',
  reason,
  message,
  lastTimestamp: new Date(1),
})
const next: CoreV1Event = { ...about, type: 'Normal', lastTimestamp: new Date(2) }
const pod = (message?: string): V1Pod => ({
  spec: {
    containers: [],
    volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'v' } }],
  },
  status: {
    phase: 'Pending',
    ...(message && { conditions: [{ type: 'PodScheduled', status: 'False', message }] }),
  },
})
const unplaced = (message: string) => ({
  pod: pod(message),
  events: [warning('FailedScheduling', message)],
})
const unbound = '0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.'
const ofItsClaim = {
  metadata: {},
  involvedObject: { kind: 'PersistentVolumeClaim', name: 'v' },
  lastTimestamp: new Date(0),
}
const unmeant =
  '0/3 nodes are available: 3 node(s) had untolerated taint {team: other}. preemption: none.'

/** How many seconds somebody waits for an agent that does not begin, what he is told, and how often events were asked for. */
async function wait(waiting: { pod: V1Pod; events: CoreV1Event[]; claim?: 'Pending' | 'Bound' }) {
  const begun = clock.now
  const renewed: number[] = []
  let asked = 0
  const calling = call({
    readNamespacedPod: async () => waiting.pod,
    readNamespacedPersistentVolumeClaim: async () => ({ status: { phase: waiting.claim } }),
    deleteNamespacedPod: async () => {
      renewed.push((clock.now - begun) / 1000)
    },
    listNamespacedEvent: async () => {
      asked += 1
      return { items: waiting.events }
    },
  })
  const error = await calling.then(
    () => undefined,
    (error: Error) => error,
  )
  return { error, seconds: (clock.now - begun) / 1000, asked, renewed }
}

test.for([
  [
    'no node is meant for it',
    unplaced(unmeant),
    /untolerated taint .*; an admin has to see to the nodes, .* functions\.agent/,
  ],
  [
    'its volume cannot be mounted',
    { pod: pod(), events: [warning('FailedMount', 'mount failed: exit status 32')] },
    /FailedMount: mount failed: exit status 32; it begins when its volumes can be mounted/,
  ],
  [
    'its volume cannot be attached',
    { pod: pod(), events: [warning('FailedAttachVolume', 'no such disk')] },
    /FailedAttachVolume: no such disk; it begins when its volumes can be mounted/,
  ],
  [
    'nobody can fill its claim',
    {
      ...unplaced(unbound),
      events: [
        ...unplaced(unbound).events,
        { ...ofItsClaim, type: 'Warning', reason: 'ProvisioningFailed', message: 'no such class' },
      ],
    },
    /unbound immediate .*; ProvisioningFailed: no such class/,
  ],
  [
    'there is nobody to fill its claim, which Kubernetes counts as normal',
    {
      ...unplaced(unbound),
      events: [
        ...unplaced(unbound).events,
        { ...ofItsClaim, type: 'Normal', reason: 'FailedBinding', message: 'no class is set' },
      ],
    },
    /unbound immediate .*; FailedBinding: no class is set/,
  ],
] as const)('who waits for an agent hears in ten seconds that %s', async ([, waiting, says]) => {
  const { error, seconds, asked } = await wait({ ...waiting, events: [...waiting.events] })
  expect(error).toBeInstanceOf(Unreachable)
  expect(error?.message).toMatch(says)
  expect(seconds).toBeLessThan(11)
  expect(asked).toBeLessThan(11)
})

test.for([
  ['has no room yet', unplaced('0/3 nodes are available: 3 Insufficient memory.')],
  ['has a claim that is not filled yet, as all are at first', unplaced(unbound)],
  [
    'has a claim that is being filled',
    {
      ...unplaced(unbound),
      events: [
        ...unplaced(unbound).events,
        { ...ofItsClaim, type: 'Normal', reason: 'ExternalProvisioning', message: 'waiting' },
      ],
    },
  ],
  [
    'has a node that is back in a moment',
    unplaced('0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/x: }.'),
  ],
  [
    'has a node that is being emptied',
    unplaced('0/1 nodes are available: 1 node(s) were unschedulable.'),
  ],
  [
    'is given a node of its own',
    { pod: pod(unmeant), events: [...unplaced(unmeant).events, { ...next, reason: 'Triggered' }] },
  ],
  [
    'has its volume after all',
    { pod: pod(), events: [warning('FailedMount', 'not yet'), { ...next, reason: 'Pulling' }] },
  ],
  ['is told nothing of', { pod: pod(), events: [] }],
] as const)('an agent that %s is waited for', async ([, waiting]) => {
  const { seconds, renewed } = await wait({ ...waiting, events: [...waiting.events] })
  expect(seconds).toBeGreaterThan(120)
  expect(renewed).toEqual([])
})

test.for([
  ['says so itself', unplaced(unbound)],
  ['is only said to do so', { ...unplaced(unbound), pod: pod() }],
] as const)(
  'an agent that waits for a claim which was filled long ago, and %s, is made anew for a scheduler that has missed that',
  async ([, { pod, events }]) => {
    const { renewed } = await wait({ pod, events: [...events], claim: 'Bound' })
    expect(renewed[0]).toBeLessThan(8)
    const early = await wait({ pod, events: [...events], claim: 'Pending' })
    expect(early).toMatchObject({ renewed: [] })
    expect(early.seconds).toBeGreaterThan(120)
  },
)
