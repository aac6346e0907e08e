import {
  PatchStrategy,
  setHeaderOptions,
  type CoreV1Api,
  type V1Pod,
} from '@kubernetes/client-node'
import { randomUUID } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { agentName } from '#shared/adapters/kubernetes-cluster/agent-pod.ts'
import type { ClusterSettings } from '#shared/adapters/kubernetes-cluster/settings.ts'
import {
  Impossible,
  NoRoomNow,
  type Cluster,
  type Transfers,
  type WorkerSpec,
  type WorkerState,
} from '#shared/ports/cluster.ts'
import { kubernetesHere, openNamespace, type TestNamespace } from '#tests/support/kubernetes.ts'
import { until } from '#tests/support/until.ts'
import { workerThat } from '#tests/support/worker-spec.ts'
import { elsewhere, limit, neverMade, noSuchClass, receive } from './elsewhere.ts'

const there = kubernetesHere()

/** A namespace with other settings, or to which something is done, and what is started there. */
type Elsewhere = {
  more?: Partial<ClusterSettings>
  spec?: Partial<WorkerSpec>
  prepare?(other: TestNamespace): Promise<unknown>
}

/** A claim whose storage is on no node. */
async function makeUnmountable(
  { core, namespace }: TestNamespace,
  claim: string,
  volumeName: string,
): Promise<void> {
  const size = { storage: '1Gi' }
  const spec = { accessModes: ['ReadWriteMany'], storageClassName: '' }
  const hostPath = { path: '/no-such-folder', type: 'Directory' }
  await core.createPersistentVolume({
    body: { metadata: { name: volumeName }, spec: { ...spec, capacity: size, hostPath } },
  })
  await core.createNamespacedPersistentVolumeClaim({
    namespace,
    body: {
      metadata: { name: claim },
      spec: { ...spec, volumeName, resources: { requests: size } },
    },
  })
}

async function podNamed(
  { core, namespace }: TestNamespace,
  name: string,
): Promise<V1Pod | undefined> {
  const { items } = await core.listNamespacedPod({ namespace })
  return items.find(({ metadata }) => metadata?.name === name)
}

/** The head of a program for a machine that nobody has had for long (of ELF: 64 bits, SPARC). */
function foreignProgram(): Buffer {
  const head = Buffer.alloc(64)
  head.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
  head.writeUInt16LE(2, 16)
  head.writeUInt16LE(2, 18)
  return head
}

describe('on a real Kubernetes', { skip: !there, concurrent: true }, () => {
  const { image, tools } = there ?? { image: '', tools: '' }
  let cluster: Cluster & Transfers
  let core: CoreV1Api
  let namespace: string
  let close: () => Promise<void>
  beforeAll(async () => {
    ;({ cluster, core, namespace, close } = await openNamespace({ image, tools }))
  })
  afterAll(() => close())

  const specOf = (script: string, more: Partial<WorkerSpec> = {}): WorkerSpec =>
    workerThat({
      name: `worker-run-${randomUUID()}-1`,
      labels: { run: 'r', plan: 'p' },
      image: tools,
      entrypoint: ['sh', '-c', script],
      ...more,
    })

  /** The state of a released worker, once it is such. */
  async function stateOf(spec: WorkerSpec, is: (state: WorkerState) => unknown) {
    const worker = await cluster.ensureWorker(spec)
    await cluster.releaseWorker(worker)
    const found = await until(async () => {
      const state = (await cluster.findWorker(spec.name))?.state
      return state && is(state) ? state : undefined
    })
    await cluster.deleteWorker(spec.name)
    return found
  }

  /** Does something to the Pod of a worker whose program runs. */
  async function runningPodOf(spec: WorkerSpec, what: (pod: V1Pod) => Promise<void>) {
    await cluster.releaseWorker(await cluster.ensureWorker(spec))
    await until(async () => (await cluster.findWorker(spec.name))?.state.phase === 'running')
    const labelSelector = `batch.kubernetes.io/job-name=${spec.name}`
    const { items } = await core.listNamespacedPod({ namespace, labelSelector })
    for (const pod of items) await what(pod)
  }

  const hasReason = (state: WorkerState) => state.phase === 'pending' && state.reason
  const hasEnded = (state: WorkerState) => 'endedAt' in state

  test('what no node has is pending with the words of the scheduler', async () => {
    const spec = specOf('true', { limits: { 'nvidia.com/gpu': 1 } })
    const reason = expect.stringMatching(/0\/\d+ nodes are available: .*nvidia\.com\/gpu/)
    expect(await stateOf(spec, hasReason)).toEqual({ phase: 'pending', reason, queued: true })
  })

  test('a node that must have a label nobody has is pending with the words of the scheduler', async () => {
    const onNode = { may: [], prefer: [], must: [{ key: 'knit.test/zone', value: 'moon' }] }
    const reason = expect.stringMatching(/node affinity/)
    expect(await stateOf(specOf('true', { onNode }), hasReason)).toEqual({
      phase: 'pending',
      reason,
    })
  })

  test('an image that does not exist fails by its plan, and says what to do', async () => {
    const spec = specOf('true', { image: neverMade(tools) })
    expect(await stateOf(spec, hasEnded)).toMatchObject({
      phase: 'failed',
      cause: 'plan',
      message: expect.stringMatching(
        /that-nobody-made:1 cannot be pulled: .*Check its name and tag/,
      ),
    })
  })

  test('a program that takes more memory than it may fails by itself, with 137', async () => {
    // containerd may miss what for a container was killed that has only begun (containerd issue 8180).
    const spec = specOf('sleep 1; exec tail /dev/zero', { limits: { memory: 2 ** 25 } })
    expect(await stateOf(spec, hasEnded)).toMatchObject({
      phase: 'failed',
      exitCode: 137,
      cause: 'program',
      message: '(container main) OOMKilled',
    })
  })

  test('an account that plans may not name is refused before anything is made', async () => {
    const spec = specOf('true', { serviceAccount: 'admin' })
    await expect(cluster.ensureWorker(spec)).rejects.toThrow(
      /service account admin.*workers\.serviceAccounts/,
    )
    expect(await cluster.findWorker(spec.name)).toBeUndefined()
  })

  /** What is pending in a namespace of its own, to which something has been done. */
  async function pendingIn(
    { more = {}, spec = {}, prepare = async () => {} }: Elsewhere,
    is: (state: WorkerState) => unknown = hasReason,
  ) {
    return elsewhere({ image, tools }, more, async (other) => {
      await prepare(other)
      const worker = await other.cluster.ensureWorker(specOf('true', spec))
      await other.cluster.releaseWorker(worker)
      return until(async () => {
        const state = (await other.cluster.findWorker(worker.name))?.state
        return state && is(state) ? state : undefined
      })
    })
  }

  test('a storage class nobody knows leaves the worker pending, and the class is named', async () => {
    const volume = `data-knitid-${randomUUID()}`
    const state = await pendingIn(
      {
        more: noSuchClass,
        spec: { outputs: [{ volume, path: '/out' }] },
        prepare: (other) => other.cluster.ensureVolume({ name: volume, labels: {} }),
      },
      (found) => found.phase === 'pending' && found.reason?.includes('no-such-class'),
    )
    expect(state).toMatchObject({
      reason: expect.stringMatching(/an admin .* volumes\.storageClass/),
    })
  })

  const workers = {
    priorityClass: '',
    serviceAccounts: [],
    pullSecrets: [],
    grace: 2,
    podGrace: 600,
    profile: 'baseline' as const,
  }

  test.each<[what: string, says: RegExp, elsewhere: Elsewhere]>([
    [
      'an account that plans may name and nobody has made',
      /serviceaccount "trainer" not found; an admin has to make that service account/,
      {
        more: { workers: { ...workers, serviceAccounts: ['trainer'] } },
        spec: { serviceAccount: 'trainer' },
      },
    ],
    [
      'a priority class nobody has made',
      /no PriorityClass with name no-such-class .*; an admin .* workers\.priorityClass/,
      { more: { workers: { ...workers, priorityClass: 'no-such-class' } } },
    ],
    [
      'more memory than a LimitRange lets it have',
      /maximum memory usage per .*; an admin has set this in a LimitRange/,
      {
        spec: { limits: { memory: 2 ** 31 }, labels: { plan: 'p1' } },
        prepare: ({ core, namespace }) =>
          core.createNamespacedLimitRange({
            namespace,
            body: {
              metadata: { name: 'small' },
              spec: { limits: [{ type: 'Container', max: { memory: '1Gi' } }] },
            },
          }),
      },
    ],
    [
      'a namespace that is too strict for programs of users',
      /violates PodSecurity .*; an admin .*=baseline/,
      {
        prepare: async ({ core, namespace }) => {
          const found = await core.readNamespace({ name: namespace })
          const enforce = { 'pod-security.kubernetes.io/enforce': 'restricted' }
          const labels = { ...found.metadata?.labels, ...enforce }
          await core.replaceNamespace({
            name: namespace,
            body: { ...found, metadata: { ...found.metadata, labels } },
          })
        },
      },
    ],
  ])('%s leaves the worker pending, with what to do', async (_what, says, elsewhere) => {
    const reason = expect.stringMatching(new RegExp(says, 's'))
    expect(await pendingIn(elsewhere)).toEqual({ phase: 'pending', reason })
  })

  test('a quota that is used up is a queue to wait in', async () => {
    const state = await pendingIn({ prepare: (other) => limit(other, { pods: '0' }) })
    expect(state).toMatchObject({
      queued: true,
      reason: expect.stringMatching(/exceeded quota: full, .*; it goes on when others have ended/),
    })
  })

  test('a quota that is used up is no failure of what makes volumes and workers', async () => {
    await elsewhere({ image, tools }, {}, async (other) => {
      await limit(other, { persistentvolumeclaims: '0', 'count/jobs.batch': '0' })
      const name = `data-knitid-${randomUUID()}`
      await expect(other.cluster.ensureVolume({ name, labels: {} })).rejects.toThrow(NoRoomNow)
      await expect(other.cluster.ensureWorker(specOf('true'))).rejects.toThrow(NoRoomNow)
    })
  })

  test('a resource whose name is none is refused at once', async () => {
    const asked = cluster.ensureWorker(specOf('true', { limits: { gpu: 1 } }))
    await expect(asked).rejects.toThrow(Impossible)
  })

  test('a volume that cannot be mounted leaves the worker pending, with the words of the kubelet', async () => {
    const volume = `data-knitid-${randomUUID()}`
    const spec = { outputs: [{ volume, path: '/out' }] }
    const name = `knit-test-${randomUUID()}`
    const prepare = (other: TestNamespace) => makeUnmountable(other, volume, name)
    const hasFailed = (state: WorkerState) =>
      state.phase === 'pending' && state.reason?.startsWith('FailedMount')
    try {
      expect(await pendingIn({ spec, prepare }, hasFailed)).toMatchObject({
        reason: expect.stringMatching(/no-such-folder is not a directory.*; it begins when/),
      })
    } finally {
      await core.deletePersistentVolume({ name })
    }
  })

  test('a volume is read by one agent as long as it is read, which ends by itself and is cleaned away, but for those that live', async () => {
    // Longer than from when it has been read until that is looked at.
    await elsewhere({ image, tools }, { agents: { idle: 20 } }, async (other) => {
      const { cluster } = other
      const readAll = async (volume: string) => buffer(await cluster.send(volume))
      const agentOf = (volume: string) => podNamed(other, agentName(volume, 'ro'))
      const volume = await receive(cluster, { text: Buffer.from('some') })
      await readAll(volume)
      const first = await agentOf(volume)
      await readAll(volume)
      expect((await agentOf(volume))?.metadata?.uid).toBe(first?.metadata?.uid)

      await until(async () => (await agentOf(volume))?.status?.phase === 'Succeeded')
      const second = await receive(cluster, { text: Buffer.from('more') })
      await readAll(second)
      await cluster.tidyTransfers()
      expect(await agentOf(volume)).toBeUndefined()
      expect(await agentOf(second)).toMatchObject({ status: { phase: 'Running' } })
      await readAll(volume)
      expect((await agentOf(volume))?.metadata?.uid).not.toBe(first?.metadata?.uid)
    })
  })

  test('a program for another kind of machine fails by its plan', async () => {
    const volume = await receive(cluster, { program: foreignProgram() }, 0o755)
    const spec = specOf('', { entrypoint: ['/in/program'], inputs: [{ volume, path: '/in' }] })
    expect(await stateOf(spec, hasEnded)).toMatchObject({
      phase: 'failed',
      exitCode: 126,
      cause: 'plan',
      message: expect.stringMatching(/it is for another kind of machine/),
    })
  })

  test('a program that an admin takes from its node has failed by no fault of its own', async () => {
    const spec = specOf('trap "exit 3" TERM; while :; do sleep 0.1; done')
    // A Pod that is held stays until it has been looked at.
    const finalizer = 'knit.test/held'
    let name = ''
    await runningPodOf(spec, async ({ metadata }) => {
      name = metadata?.name ?? ''
      const hold = { op: 'add', path: '/metadata/finalizers/-', value: finalizer }
      await core.patchNamespacedPod(
        { namespace, name, body: [hold] },
        setHeaderOptions('Content-Type', PatchStrategy.JsonPatch),
      )
      const deleteOptions = { gracePeriodSeconds: 5 }
      await core.createNamespacedPodEviction({
        namespace,
        name,
        body: { metadata: { name }, deleteOptions },
      })
    })
    expect(await stateOf(spec, hasEnded)).toMatchObject({
      phase: 'failed',
      cause: 'machine',
      message: expect.stringMatching(/^its node was emptied by an admin: EvictionByEvictionAPI/),
    })
    await core.patchNamespacedPod(
      {
        namespace,
        name,
        body: { metadata: { '$deleteFromPrimitiveList/finalizers': [finalizer] } },
      },
      setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch),
    )
  })

  test('what a program wrote is measured by the time it has succeeded', async () => {
    const volume = `data-knitid-${randomUUID()}`
    const logVolume = `data-knitid-${randomUUID()}`
    for (const name of [volume, logVolume]) await cluster.ensureVolume({ name, labels: {} })
    const outputs = [{ volume, path: '/out' }]
    const state = await stateOf(
      specOf('echo four > /out/a; echo', { outputs, logVolume }),
      hasEnded,
    )
    expect(state).toMatchObject({
      phase: 'succeeded',
      image: expect.stringMatching(/@sha256:[0-9a-f]{64}$/),
      measures: { [volume]: { bytes: 5, files: 1 }, [logVolume]: { bytes: 1, files: 1 } },
    })
    expect(await cluster.measureVolume(volume)).toEqual(
      (state as { measures: Record<string, unknown> }).measures[volume],
    )
  })

  test('a program has no token, no way to more rights, and only its own volumes', async () => {
    const logVolume = `data-knitid-${randomUUID()}`
    await cluster.ensureVolume({ name: logVolume, labels: {} })
    const script =
      'test -e /var/run/secrets/kubernetes.io && exit 1; test -e /volumes && exit 2; grep -q "NoNewPrivs:.1" /proc/self/status || exit 3; grep -q "CapEff:.0000000000000000" /proc/self/status || exit 4; grep -q "Seccomp:.2" /proc/self/status || exit 5'
    expect(await stateOf(specOf(script, { logVolume }), hasEnded)).toMatchObject({
      phase: 'succeeded',
    })
  })

  test('a worker whose Pod somebody deletes has failed by no fault of its own', async () => {
    const spec = specOf('sleep 1000')
    await runningPodOf(spec, async ({ metadata }) => {
      const body = { gracePeriodSeconds: 1 }
      await core.deleteNamespacedPod({ namespace, name: metadata?.name ?? '', body })
    })
    expect(await stateOf(spec, hasEnded)).toMatchObject({
      phase: 'failed',
      cause: 'machine',
      message: 'its Pod was deleted',
    })
  })
})
