import { expect, test } from 'vitest'
import type { WorkerSpec } from '#shared/ports/cluster.ts'
import { workerThat } from '#tests/support/worker-spec.ts'
import { jobOf, quantityOf } from './job.ts'
import type { ClusterSettings } from './settings.ts'

const settings: ClusterSettings = {
  namespace: 'knit',
  image: 'registry.test/knitfab:1',
  volumes: { layout: 'per-data', storageClass: '', accessMode: 'ReadWriteMany', size: '10Gi' },
  workers: {
    priorityClass: 'low',
    serviceAccounts: ['trainer'],
    pullSecrets: ['registry'],
    grace: 30,
    podGrace: 600,
    profile: 'baseline',
  },
  agents: {},
  signingKey: 'a key',
}

const least = workerThat({
  name: 'worker-run-r-1',
  labels: { run: 'r', plan: 'p', attempt: '1' },
  image: 'registry.test/program:1',
})

const most: WorkerSpec = {
  ...least,
  entrypoint: ['python'],
  args: ['-c', 'print("$(HOME)")'],
  env: { A: '$' },
  inputs: [
    { volume: 'data-1', path: '/in/1' },
    { volume: 'data-1', path: '/in/2' },
  ],
  outputs: [{ volume: 'data-2', path: '/out' }],
  logVolume: 'data-3',
  limits: { cpu: 0.5, memory: 2 ** 30, 'nvidia.com/gpu': 1 },
  serviceAccount: 'trainer',
}

test('a worker with inputs, outputs and a log is a suspended Job that is tried once', () => {
  expect(jobOf(most, settings)).toMatchSnapshot()
})

test('where all Data is in one claim each container sees its own directories of it, inputs read-only', () => {
  const volumes = { layout: 'shared', agentUrl: 'http://agent' } as const
  const pod = jobOf(most, { ...settings, volumes }).spec?.template.spec
  expect(pod?.volumes?.map(({ name, persistentVolumeClaim: claim }) => [name, claim])).toEqual([
    ['knitfab-data', { claimName: 'knitfab-data' }],
    ['token', undefined],
  ])
  // What programs leave, the agent has to be able to remove.
  expect(pod?.initContainers?.[0]?.env).toContainEqual({ name: 'KNIT_REMOVABLE', value: 'yes' })
  const mounts = [...(pod?.initContainers ?? []), ...(pod?.containers ?? [])].map((container) => [
    container.name,
    container.volumeMounts
      ?.filter(({ name }) => name === 'knitfab-data')
      .map(({ subPath, mountPath, readOnly }) => [subPath, mountPath, readOnly ?? false]),
  ])
  expect(Object.fromEntries(mounts)).toEqual({
    log: [
      ['volumes/data-2', '/volumes/data-2', false],
      ['volumes/data-3', '/volumes/data-3', false],
    ],
    check: [
      ['volumes/data-2', '/volumes/data-2', true],
      ['volumes/data-3', '/volumes/data-3', true],
    ],
    main: [
      ['volumes/data-1', '/in/1', true],
      ['volumes/data-1', '/in/2', true],
      ['volumes/data-2', '/out', false],
    ],
  })
})

test.each(['/volumes', '/volumes/log', '/app', '/usr', '/out/$(HOME)'])(
  'what stands beside a program sees its output %s where nothing of our image is, and calls it by its name',
  (path) => {
    const spec = { ...most, outputs: [{ volume: 'data-2', path }] }
    const pod = jobOf(spec, settings).spec?.template.spec
    const [log, check] = pod?.initContainers ?? []
    for (const ours of [log, check])
      expect(ours?.volumeMounts).toContainEqual(
        expect.objectContaining({ name: 'data-2', mountPath: '/volumes/data-2' }),
      )
    // Kubernetes would take `$(HOME)` for a variable.
    const name = path.replace('$(', '$$$(')
    const itsLog = ['its log', '/volumes/data-3']
    expect(check?.args).toEqual(['job-check-empty', name, '/volumes/data-2', ...itsLog])
    expect(pod?.containers[0]?.volumeMounts).toContainEqual({ name: 'data-2', mountPath: path })
  },
)

test('a worker that writes nothing has nothing of ours beside it', () => {
  const pod = jobOf(least, settings).spec?.template.spec
  expect(pod).not.toHaveProperty('initContainers')
  expect(pod).toMatchObject({
    serviceAccountName: 'knit-worker',
    automountServiceAccountToken: false,
    containers: [{ name: 'main', image: 'registry.test/program:1' }],
    volumes: [],
  })
  const volumes = { layout: 'shared', agentUrl: 'http://agent' } as const
  expect(jobOf(least, { ...settings, volumes }).spec?.template.spec?.volumes).toEqual([])
})

test('a worker may, would rather, and must be on nodes with labels that are taints as well', () => {
  const onNode = {
    may: [{ key: 'a', value: '1' }],
    prefer: [{ key: 'b', value: '1' }],
    must: [
      { key: 'c', value: '1' },
      { key: 'c', value: '2' },
      { key: 'b', value: '1' },
    ],
  }
  const { tolerations, affinity } = jobOf({ ...least, onNode }, settings).spec?.template.spec ?? {}
  expect(tolerations?.map(({ key, value, effect }) => `${key}=${value}:${effect}`)).toEqual([
    'a=1:NoSchedule',
    'b=1:NoSchedule',
    'c=1:NoSchedule',
    'c=2:NoSchedule',
    'b=1:PreferNoSchedule',
    'c=1:PreferNoSchedule',
    'c=2:PreferNoSchedule',
  ])
  expect(affinity).toEqual({
    nodeAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        {
          weight: 1,
          preference: { matchExpressions: [{ key: 'b', operator: 'In', values: ['1'] }] },
        },
      ],
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [
          {
            matchExpressions: [
              { key: 'c', operator: 'In', values: ['1', '2'] },
              { key: 'b', operator: 'In', values: ['1'] },
            ],
          },
        ],
      },
    },
  })
})

test.each([
  [1, '1'],
  [0.5, '0.5'],
  [0, '0'],
  [2 ** 40, '1099511627776'],
  [1e21, '1000000000000000000000'],
  [1e-9, '0.000000001'],
])('%d of a resource is written %s', (amount, quantity) => {
  expect(quantityOf(amount)).toBe(quantity)
})

test('a Job says in which trace its program is', () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  expect(jobOf({ ...least, traceparent }, settings).metadata?.annotations).toEqual({
    'knitfab.dev/traceparent': traceparent,
  })
  expect(jobOf(least, settings).metadata).not.toHaveProperty('annotations')
})
