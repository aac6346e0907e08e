import type { V1Job, V1Pod } from '@kubernetes/client-node'
import { expect, test } from 'vitest'
import type { Api } from './api.ts'
import type { ClusterSettings } from './settings.ts'
import { stuck, workersIn } from './workers.ts'

const at = new Date('2026-01-01T01:00:00Z')
const secondsAgo = (seconds: number) => new Date(at.getTime() - seconds * 1000)

const settings = { namespace: 'n', workers: { grace: 2 } } as ClusterSettings

type Deletion = { name: string; propagationPolicy?: string; gracePeriodSeconds?: number }

/** An API server that has one Job, and says what it was asked to delete. */
function serverWith(job: V1Job, pods: V1Pod[] = []) {
  const deleted: Deletion[] = []
  const remove = async ({ name, body }: { name: string; body: Partial<Deletion> }) => {
    const { propagationPolicy, gracePeriodSeconds } = body
    deleted.push({
      name,
      ...(propagationPolicy && { propagationPolicy }),
      ...(gracePeriodSeconds !== undefined && { gracePeriodSeconds }),
    })
  }
  const batch = { readNamespacedJob: async () => job, deleteNamespacedJob: remove }
  const core = { listNamespacedPod: async () => ({ items: pods }), deleteNamespacedPod: remove }
  return { api: { batch, core } as unknown as Api, deleted }
}

const going = { deletionTimestamp: at }
const job = (more: Partial<V1Job['metadata']> = {}): V1Job => ({ metadata: { name: 'w', ...more } })
const pod = (phase: string, more: Partial<V1Pod['metadata']> = {}): V1Pod => ({
  metadata: { name: 'w-1', creationTimestamp: secondsAgo(1), ...more },
  status: { phase },
})

test('a worker is deleted once: whoever asks again while it goes asks nobody', async () => {
  const first = serverWith(job(), [pod('Running')])
  await workersIn(first.api, settings).deleteWorker('w')
  expect(first.deleted).toEqual([
    { name: 'w-1', gracePeriodSeconds: 2 },
    { name: 'w', propagationPolicy: 'Foreground' },
  ])

  const again = serverWith(job(going), [pod('Running', going)])
  await workersIn(again.api, settings).deleteWorker('w')
  expect(again.deleted).toEqual([])
})

test('nobody waits for the Pods of a worker that has ended', async () => {
  const { api, deleted } = serverWith(job(), [pod('Succeeded')])
  await workersIn(api, settings).deleteWorker('w')
  expect(deleted).toEqual([{ name: 'w', propagationPolicy: 'Background' }])
})

test('a worker that has no Pod yet may have one in a moment, which is waited for', async () => {
  const { api, deleted } = serverWith(job())
  await workersIn(api, settings).deleteWorker('w')
  expect(deleted).toEqual([{ name: 'w', propagationPolicy: 'Foreground' }])
})

test('a worker that goes too slowly is forgotten by force', async () => {
  const { api, deleted } = serverWith(job(going), [pod('Running', going)])
  await workersIn(api, settings).deleteWorker('w', { force: true })
  expect(deleted).toEqual([
    { name: 'w-1', gracePeriodSeconds: 0 },
    { name: 'w', propagationPolicy: 'Background' },
  ])
})

const released: V1Job = { spec: { suspend: false } as V1Job['spec'] }
const begun: V1Job = { ...released, status: { startTime: secondsAgo(9) } }
const unscheduled: V1Pod = {
  metadata: { creationTimestamp: secondsAgo(9) },
  status: {
    phase: 'Pending',
    conditions: [{ type: 'PodScheduled', status: 'False', message: 'no room' }],
  },
}
const old = pod('Pending', { creationTimestamp: secondsAgo(9) })

test.each<[what: string, job: V1Job, pods: V1Pod[], about: V1Job | V1Pod | undefined]>([
  ['is suspended', { spec: { suspend: true } as V1Job['spec'] }, [], undefined],
  ['has only just been released', released, [], undefined],
  ['has no Pod, and should have one', begun, [], begun],
  ['has a Pod that is new', begun, [pod('Pending')], undefined],
  ['has a Pod that says itself what it waits for', begun, [unscheduled], undefined],
  ['has a Pod that has begun', begun, [old, pod('Running')], undefined],
  ['has a Pod that says nothing for a while', begun, [old], old],
])('of a Job that %s, events are asked for if nothing else tells', (_what, job, pods, about) => {
  expect(stuck(job, pods, at.getTime())).toBe(about)
})
