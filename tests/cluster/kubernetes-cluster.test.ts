import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Cluster, Transfers, WorkerSpec, WorkerState } from '#shared/ports/cluster.ts'
import { kubernetesHere, openNamespace } from '#tests/support/kubernetes.ts'
import { until } from '#tests/support/until.ts'

const there = kubernetesHere()

describe('on a real Kubernetes', { skip: !there, concurrent: true }, () => {
  const { image, tools } = there ?? { image: '', tools: '' }
  let cluster: Cluster & Transfers
  let close: () => Promise<void>
  let deletePodOf: (worker: string) => Promise<void>
  beforeAll(async () => {
    ;({ cluster, close, deletePodOf } = await openNamespace({ image, tools }))
  })
  afterAll(() => close())

  const specOf = (script: string, more: Partial<WorkerSpec> = {}): WorkerSpec => ({
    name: `worker-run-${randomUUID()}-1`,
    labels: { run: 'r' },
    image: tools,
    entrypoint: ['sh', '-c', script],
    args: [],
    env: {},
    inputs: [],
    outputs: [],
    limits: {},
    network: false,
    onNode: { may: [], prefer: [], must: [] },
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

  const hasReason = (state: WorkerState) => state.phase === 'pending' && state.reason
  const hasEnded = (state: WorkerState) => 'endedAt' in state

  test('what no node has is pending with the words of the scheduler', async () => {
    const spec = specOf('true', { limits: { 'nvidia.com/gpu': 1 } })
    const reason = expect.stringMatching(/0\/\d+ nodes are available: .*nvidia\.com\/gpu/)
    expect(await stateOf(spec, hasReason)).toEqual({ phase: 'pending', reason })
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
    const name = tools.replace(/@.*$/, '-that-nobody-made:1')
    expect(await stateOf(specOf('true', { image: name }), hasEnded)).toMatchObject({
      phase: 'failed',
      cause: 'plan',
      message: expect.stringMatching(
        /that-nobody-made:1 cannot be pulled: .*Check its name and tag/,
      ),
    })
  })

  test('a program that takes more memory than it may fails by itself, with 137', async () => {
    const spec = specOf('tail /dev/zero', {
      entrypoint: ['tail', '/dev/zero'],
      limits: { memory: 2 ** 25 },
    })
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
      /service account admin.*KNIT_WORKER_SERVICE_ACCOUNTS/,
    )
    expect(await cluster.findWorker(spec.name)).toBeUndefined()
  })

  test('a storage class nobody knows leaves the worker pending, and says so', async () => {
    const volumes = {
      layout: 'per-data',
      storageClass: 'no-such-class',
      accessMode: 'ReadWriteMany',
      size: '1Gi',
    } as const
    const other = await openNamespace({ image, tools }, { volumes })
    const volume = `data-knitid-${randomUUID()}`
    await other.cluster.ensureVolume({ name: volume, labels: {} })
    const spec = specOf('true', { outputs: [{ volume, path: '/out' }] })
    await other.cluster.releaseWorker(await other.cluster.ensureWorker(spec))
    const state = await until(async () => {
      const found = await other.cluster.findWorker(spec.name)
      return found && hasReason(found.state) ? found.state : undefined
    })
    expect(state).toMatchObject({ reason: expect.stringMatching(/PersistentVolumeClaim/) })
    await other.close()
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
      image: tools,
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
    await cluster.releaseWorker(await cluster.ensureWorker(spec))
    await until(async () => (await cluster.findWorker(spec.name))?.state.phase === 'running')
    await deletePodOf(spec.name)
    expect(await stateOf(spec, hasEnded)).toMatchObject({
      phase: 'failed',
      cause: 'machine',
      message: 'its Pod was deleted',
    })
  })
})
