import {
  PatchStrategy,
  setHeaderOptions,
  type V1ContainerState,
  type V1ContainerStatus,
  type V1Node,
  type V1Pod,
} from '@kubernetes/client-node'
import { containers } from '#shared/adapters/kubernetes-cluster/job.ts'
import { lastWords } from '#shared/adapters/kubernetes-cluster/measures.ts'
import type { Bench } from './harness.ts'
import { clusterWide, make, type Installation } from './installation.ts'
import { watchObjects } from './watch-objects.ts'

/** A node that is none: Pods that must be on it run and succeed at once, and nothing is executed. */
export type FakeNode = {
  /** What a plan, or a worker, has to say that it must have. */
  label: { key: string; value: string }
  /** Pods that have succeeded there. */
  succeeded(): number
}

const key = 'knit.bench/kubelet'
const heartbeat = 10_000
const emptyMeasure = { bytes: 0, files: 0, digest: 'sha256:bench' }
const asMerge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch)

/** Registers such a node, and is its kubelet: real are the API server, the scheduler, and who makes Pods of Jobs. */
export async function fakeNode(bench: Bench, there: Installation): Promise<FakeNode> {
  const { core } = there.kubernetes
  const { namespace } = there
  const name = `${namespace}-fake`
  const label = { key, value: name }
  await make(bench, there, {
    ...nodeOf(name, label),
    metadata: { ...clusterWide, ...named(name, label) },
  })
  const beat = async (): Promise<void> => {
    await core.patchNodeStatus({ name, body: { status: statusOf() } }, asMerge)
  }
  const beating = setInterval(() => void beat().catch(console.error), heartbeat)
  bench.onEnd(() => clearInterval(beating))

  const served = new Set<string>()
  let succeeded = 0
  const serve = async (pod: V1Pod): Promise<void> => {
    const { name = '', uid = '', deletionTimestamp } = pod.metadata ?? {}
    const which = { namespace, name }
    if (deletionTimestamp) {
      await core.deleteNamespacedPod({ ...which, gracePeriodSeconds: 0 }).catch(() => {})
      return
    }
    if (served.has(uid)) return
    served.add(uid)
    await core.patchNamespacedPodStatus({ ...which, body: runningPod(pod) }, asMerge)
    await core.patchNamespacedPodStatus({ ...which, body: succeededPod(pod) }, asMerge)
    succeeded += 1
  }
  await watchObjects<V1Pod>(
    bench,
    there,
    `/api/v1/namespaces/${namespace}/pods?fieldSelector=spec.nodeName%3D${name}`,
    ({ type, object }) => {
      if (type !== 'DELETED') serve(object).catch(console.error)
    },
  )
  return { label, succeeded: () => succeeded }
}

const named = (name: string, { key, value }: FakeNode['label']) => ({
  name,
  labels: { [key]: value, 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux' },
})

/** What others have to run is kept away by the taint. */
const nodeOf = (
  name: string,
  { key, value }: FakeNode['label'],
): V1Node & Record<string, unknown> => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  spec: { taints: [{ key, value, effect: 'NoSchedule' }] },
  status: statusOf(),
})

function statusOf(): NonNullable<V1Node['status']> {
  const room = { cpu: '1000', memory: '1Ti', pods: '10000', 'ephemeral-storage': '1Ti' }
  const now = new Date()
  const ready = { type: 'Ready', status: 'True', reason: 'Bench', message: 'it pretends' }
  return {
    capacity: room,
    allocatable: room,
    conditions: [{ ...ready, lastHeartbeatTime: now, lastTransitionTime: now }],
  }
}

function runningPod({ spec }: V1Pod) {
  const startedAt = new Date()
  const running = { running: { startedAt } }
  const passed = {
    terminated: { exitCode: 0, reason: 'Completed', startedAt, finishedAt: startedAt },
  }
  const states: Record<string, V1ContainerState> = { [containers.check]: passed }
  return podStatus('Running', spec, (name) => states[name] ?? running)
}

function succeededPod({ spec }: V1Pod) {
  const finishedAt = new Date()
  const ended = { exitCode: 0, reason: 'Completed', startedAt: finishedAt, finishedAt }
  const message = lastWords(new Map(measuredVolumes(spec).map((volume) => [volume, emptyMeasure])))
  return podStatus('Succeeded', spec, (name) => ({
    terminated: { ...ended, ...(name === containers.log && { message }) },
  }))
}

/** Those that the keeper of the log is told of. */
function measuredVolumes(spec: V1Pod['spec']): string[] {
  const keeper = spec?.initContainers?.find(({ name }) => name === containers.log)
  return (keeper?.args ?? []).slice(1).filter(Boolean)
}

function podStatus(
  phase: string,
  spec: V1Pod['spec'],
  stateOf: (container: string) => V1ContainerState,
) {
  const statuses = (all: readonly { name: string; image?: string }[] = []): V1ContainerStatus[] =>
    all.map(({ name, image = '' }) => ({
      name,
      image,
      imageID: image,
      ready: phase === 'Running',
      started: phase === 'Running',
      restartCount: 0,
      state: stateOf(name),
    }))
  return {
    status: {
      phase,
      startTime: new Date(),
      containerStatuses: statuses(spec?.containers),
      initContainerStatuses: statuses(spec?.initContainers),
    },
  }
}
