import type { CoreV1Event, V1Job, V1Pod } from '@kubernetes/client-node'
import { expect, test } from 'vitest'
import { Away, Impossible, NoRoomNow } from '#shared/ports/cluster.ts'
import { Refused, type Api } from './api.ts'
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

test('a Pod that was made while its Job was deleted has no more time than one that was there before', async () => {
  const made = pod('Pending', { ...going, deletionGracePeriodSeconds: 600 })
  const { api, deleted } = serverWith(job(going), [made])
  await workersIn(api, settings).deleteWorker('w')
  expect(deleted).toEqual([{ name: 'w-1', gracePeriodSeconds: 2 }])
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
const unscheduled = (message: string): V1Pod => ({
  metadata: { creationTimestamp: secondsAgo(9) },
  spec: { containers: [], volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'own' } }] },
  status: {
    phase: 'Pending',
    conditions: [{ type: 'PodScheduled', status: 'False', message }],
  },
})
const unplaced = unscheduled('no room')
const unclaimed = unscheduled('pod has unbound immediate PersistentVolumeClaims')
const old = pod('Pending', { creationTimestamp: secondsAgo(9) })

test.each<[what: string, job: V1Job, pods: V1Pod[], about: V1Job | V1Pod | undefined]>([
  ['is suspended', { spec: { suspend: true } as V1Job['spec'] }, [], undefined],
  ['has only just been released', released, [], undefined],
  ['has no Pod yet', { ...released, status: { startTime: at } }, [], undefined],
  ['has no Pod, and should have one', begun, [], begun],
  ['has a Pod that is new', begun, [pod('Pending')], undefined],
  ['has a Pod that says itself what it waits for', begun, [unplaced], undefined],
  ['has a Pod whose claims are not there', begun, [unclaimed], unclaimed],
  ['has a Pod that has begun', begun, [old, pod('Running')], undefined],
  ['has a Pod that says nothing for a while', begun, [old], old],
])('of a Job that %s, events are asked for if nothing else tells', (_what, job, pods, about) => {
  expect(stuck(job, pods, at.getTime())).toBe(about)
})

test('of a Pod that waits for claims the events of its own claims tell more', async () => {
  const event = (name: string, message: string): CoreV1Event => ({
    metadata: {},
    involvedObject: { kind: 'PersistentVolumeClaim', name },
    type: 'Warning',
    reason: 'ProvisioningFailed',
    message,
  })
  const { api } = serverWith({ ...begun, metadata: { name: 'w' } }, [unclaimed])
  const items = [event('own', 'no class'), event('of another', 'no room')]
  const listNamespacedEvent = async () => ({ items })
  Object.assign(api.core, { listNamespacedEvent })

  expect(await workersIn(api, settings).findWorker('w')).toMatchObject({
    state: {
      phase: 'pending',
      reason: expect.stringMatching(/PersistentVolumeClaims; .*no class/),
    },
  })
})

test('a Job that the API server calls invalid is impossible, a full quota is no room, and a server with too much to do away', async () => {
  const refusing = (code: number, message: string) => {
    const { api } = serverWith(job())
    const createNamespacedJob = async () => {
      throw Object.assign(new Error(), { code, body: JSON.stringify({ message }) })
    }
    Object.assign(api.batch, { createNamespacedJob })
    const spec = { name: 'w', labels: {}, onNode: { may: [], prefer: [], must: [] } }
    const lists = { entrypoint: [], args: [], inputs: [], outputs: [], env: {}, limits: {} }
    const made = { ...settings, volumes: { layout: 'per-data' }, workers: { pullSecrets: [] } }
    return workersIn(api, made as unknown as ClusterSettings).ensureWorker({
      ...spec,
      ...lists,
      image: 'registry.test/program:1',
      network: false,
    })
  }
  await expect(refusing(422, 'gpu is no name')).rejects.toThrow(Impossible)
  await expect(refusing(403, 'exceeded quota: jobs')).rejects.toThrow(NoRoomNow)
  await expect(refusing(403, 'not yours')).rejects.toThrow(Refused)
  await expect(refusing(429, 'too much to do')).rejects.toThrow(Away)
})
