import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { configFrom, variableOf } from '#shared/runtime/config.ts'
import { routeFunctions, stepFunctions } from '../../../functions/functions.generated.ts'
import gateway from '../../../functions/gateway/function.ts'
import { deployed, isDeployment } from '#shared/render/knative/deployed.ts'
import { chart, find, podsOf, render, type Manifest, type Values } from './helm.ts'

const functions = deployed([...routeFunctions, ...stepFunctions, gateway])

/** Scheduling and resources that no other function has. */
const ownOf = (name: string) => ({
  resources: {
    requests: { cpu: '11m', memory: '22Mi' },
    limits: { memory: '99Mi', [`test/${name}`]: '1' },
  },
  nodeSelector: { for: name },
  tolerations: [{ key: name, operator: 'Exists' }],
  affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: termsFor(name) } },
  topologySpreadConstraints: [
    { maxSkew: 1, topologyKey: name, whenUnsatisfiable: 'DoNotSchedule' },
  ],
  priorityClassName: `for-${name}`,
})
const termsFor = (name: string) => ({
  nodeSelectorTerms: [{ matchExpressions: [{ key: name, operator: 'Exists' }] }],
})

/** What a Pod says of the same. */
function foundOf(manifests: readonly Manifest[], name: string) {
  const pod = podsOf(manifests).get(name)?.spec
  if (!pod) throw new Error(`there is no ${name}`)
  const { nodeSelector, tolerations, affinity, topologySpreadConstraints, priorityClassName } = pod
  const resources = pod.containers[0]?.resources
  return {
    resources,
    nodeSelector,
    tolerations,
    affinity,
    topologySpreadConstraints,
    priorityClassName,
  }
}

const objectOf = (fn: (typeof functions)[number]): string =>
  `${isDeployment(fn) ? 'Deployment' : 'Service'}/${fn.service}`

test('every value of every function is found in what runs it', () => {
  const scale = (fn: (typeof functions)[number], index: number) =>
    isDeployment(fn)
      ? { replicas: index + 2 }
      : { minScale: index + 1, maxScale: index + 2, concurrency: index + 3, timeout: index + 4 }
  const manifests = render({
    functions: Object.fromEntries(
      functions.map((fn, index) => [fn.service, { ...ownOf(fn.service), ...scale(fn, index) }]),
    ),
  }).filter(({ apiVersion }) => apiVersion !== 'v1')
  for (const [index, fn] of functions.entries()) {
    const { spec } = find(manifests, objectOf(fn))
    expect(foundOf(manifests, objectOf(fn))).toEqual(ownOf(fn.service))
    if (isDeployment(fn)) expect(spec).toMatchObject({ replicas: index + 2 })
    else
      expect(spec).toMatchObject({
        template: {
          metadata: {
            annotations: {
              'autoscaling.knative.dev/min-scale': String(index + 1),
              'autoscaling.knative.dev/max-scale': String(index + 2),
            },
          },
          spec: { containerConcurrency: index + 3, timeoutSeconds: index + 4 },
        },
      })
  }
})

test('how many Pods there are at most, and requests at a time, Knative is told where somebody says so, and else not', () => {
  const functionsOf = (values: Values = {}) =>
    render(values).filter(({ apiVersion }) => apiVersion === 'serving.knative.dev/v1')
  const toldOf = ({ spec }: Manifest) => {
    const { metadata, spec: pod } = spec?.template ?? {}
    const { containerConcurrency } = pod as { containerConcurrency?: number }
    return [metadata?.annotations?.['autoscaling.knative.dev/max-scale'], containerConcurrency]
  }
  const usual = functionsOf()
  for (const fn of functions.filter((one) => !isDeployment(one))) {
    const { maxScale, concurrency } = fn.deploy
    expect(toldOf(find(usual, objectOf(fn))), fn.service).toEqual([
      maxScale && String(maxScale),
      concurrency,
    ])
  }
  const any = functionsOf({ functions: { 'api-data-show': { maxScale: 0, concurrency: 0 } } })
  expect(toldOf(find(any, 'Service/api-data-show'))).toEqual(['0', 0])
})

test('what is said of all functions is found in each, unless it says otherwise itself', () => {
  const manifests = render({
    defaults: ownOf('all'),
    functions: { gateway: ownOf('gateway'), 'step-sweep': { nodeSelector: {}, affinity: {} } },
  }).filter(({ apiVersion }) => apiVersion !== 'v1')
  for (const fn of functions) {
    const found = foundOf(manifests, objectOf(fn))
    if (fn.service === 'gateway') expect(found).toEqual(ownOf('gateway'))
    else if (fn.service === 'step-sweep')
      expect(found).toEqual({ ...ownOf('all'), nodeSelector: undefined, affinity: undefined })
    else expect(found).toEqual(withLimits(ownOf('all'), fn))
  }
})

/** One function asks for more memory than is said of all here. */
function withLimits(all: ReturnType<typeof ownOf>, { deploy }: (typeof functions)[number]) {
  const { requests, limits } = all.resources
  return { ...all, resources: { requests, limits: { ...limits, ...deploy.limits } } }
}

test('what a function needs more than others is the least that it may take, and not the most', () => {
  const [greedy, ...others] = functions.filter(({ deploy }) => deploy.limits?.memory)
  expect([greedy?.deploy.limits, others]).toEqual([{ memory: '512Mi' }, []])
  const limitsWith = (limits: object) => {
    const manifests = render({ defaults: { resources: { limits } } })
    return foundOf(manifests, `Service/${greedy?.service}`).resources?.limits
  }
  expect(limitsWith({ memory: '511Mi', cpu: '1' })).toEqual({ memory: '512Mi', cpu: '1' })
  expect(limitsWith({ memory: '2Gi' })).toEqual({ memory: '2Gi' })
  // Without a limit it may take what there is.
  expect(limitsWith({ memory: null })).toEqual({})
})

test('whatever may be without a Pod, by itself or by a value, has none before its time and loses it after a while', () => {
  const manifests = render({
    functions: { 'step-match-data': { minScale: 0 }, 'api-plans-apply': { minScale: 1 } },
    knative: { zeroInitialScale: true, window: '5m' },
  })
  const spared = manifests
    .filter(({ spec }) => {
      const annotations = spec?.template?.metadata?.annotations ?? {}
      return ['initial-scale', 'window'].every(
        (name) => `autoscaling.knative.dev/${name}` in annotations,
      )
    })
    .map(({ metadata }) => metadata.name)
  const byThemselves = functions.filter((fn) => !isDeployment(fn) && !fn.deploy.minScale)
  const names = byThemselves.map(({ service }) => service)
  expect(spared.toSorted()).toEqual(
    [...names.filter((name) => name !== 'api-plans-apply'), 'step-match-data'].toSorted(),
  )
})

test('what is said of agents is found in what functions make them with, and in the one that has all Data', () => {
  const functions = { agent: ownOf('agent') }
  const { data = {} } = find(render({ functions }), 'ConfigMap/knitfab-settings')
  const secret = { KNIT_SIGNING_KEY: 's'.repeat(32), KNIT_DATABASE_URL: 'postgres://here' }
  expect(configFrom({ ...data, ...secret }).agentPod).toEqual(ownOf('agent'))
  const shared = render({ functions, volumes: { layout: 'shared' } })
  expect(foundOf(shared, 'Deployment/agent')).toEqual(ownOf('agent'))
})

test('what is said of Jobs is found in those that Helm runs and in the expander, and what is not is as in all functions', () => {
  const whatIsOurs = ['Job/migrate', 'Job/uninstall', 'Deployment/expander']
  const { topologySpreadConstraints: _ofMany, ...all } = ownOf('all')
  const { resources, priorityClassName } = ownOf('jobs')
  const volumes = { expander: { enabled: true } }
  const usual = render({ volumes, defaults: ownOf('all') })
  const own = render({ volumes, defaults: ownOf('all'), jobs: { resources, priorityClassName } })
  for (const name of whatIsOurs) {
    expect(foundOf(usual, name), name).toEqual({ ...all, topologySpreadConstraints: undefined })
    expect(foundOf(own, name), name).toMatchObject({ ...all, resources, priorityClassName })
  }
})

test('what is said of Postgres is found in it', () => {
  const { resources, nodeSelector, tolerations, affinity, priorityClassName } = ownOf('postgres')
  const manifests = render({
    postgres: {
      resources,
      nodeSelector,
      tolerations,
      affinity,
      priorityClassName,
      storageClass: 'fast',
      size: '5Gi',
      user: 70,
      image: 'registry.test/postgres:18',
      settings: { shared_buffers: '1GB', max_wal_senders: 2_000_000 },
    },
  })
  expect(foundOf(manifests, 'StatefulSet/postgres')).toMatchObject({
    resources,
    nodeSelector,
    tolerations,
    affinity,
    priorityClassName,
  })
  const pod = podsOf(manifests).get('StatefulSet/postgres')?.spec
  expect(pod?.securityContext).toMatchObject({ runAsUser: 70, fsGroup: 70 })
  expect(pod?.containers[0]).toMatchObject({
    image: 'registry.test/postgres:18',
    args: expect.arrayContaining(['shared_buffers=1GB', 'max_wal_senders=2000000']),
  })
  expect(find(manifests, 'StatefulSet/postgres').spec).toMatchObject({
    volumeClaimTemplates: [
      { spec: { storageClassName: 'fast', resources: { requests: { storage: '5Gi' } } } },
    ],
  })
})

type Property = { type?: string; format?: string; enum?: string[]; items?: { anyOf?: unknown[] } }

const extraApis = ['/one=https://one.test/api', '/two=http://two.test']

/** A value that no setting has by itself. */
const sampleOf = (name: string, { type, format, enum: words, items }: Property): unknown => {
  if (name === 'extraApis') return extraApis
  if (words) return words.at(-1)
  if (items?.anyOf) return ['10.0.0.0/8', 'fd00::1']
  if (type === 'array') return ['https://one.test/hook', 'https://two.test/hook']
  if (format === 'uri') return 'https://one.test'
  return type === 'string' ? 'sample' : 1_048_577
}

test('every setting reaches the functions, as they read it', () => {
  const schema = JSON.parse(readFileSync(`${chart}/values.schema.json`, 'utf8')) as {
    properties: { settings: { properties: Record<string, Property> } }
  }
  const settings = Object.fromEntries(
    Object.entries(schema.properties.settings.properties).map(([name, property]) => [
      name,
      sampleOf(name, property),
    ]),
  )
  const manifests = render({ settings, networkPolicies: { enabled: false } })
  const { data = {} } = find(manifests, 'ConfigMap/knitfab-settings')
  const secret = { KNIT_SIGNING_KEY: 's'.repeat(32), KNIT_DATABASE_URL: 'postgres://here' }
  expect(configFrom({ ...data, ...secret })).toMatchObject(settings)
  expect(Object.keys(settings).filter((name) => !(variableOf(name) in data))).toEqual([])
})

test('every class of brokers takes events where it says, and another where it is told', () => {
  const urlOf = (broker: object) =>
    find(render({ broker }), 'ConfigMap/knitfab-settings').data?.['KNIT_BROKER_URL']
  expect([
    urlOf({}),
    urlOf({ class: 'Kafka' }),
    urlOf({ class: 'RabbitMQBroker' }),
    urlOf({ class: 'Theirs', url: 'http://events.test/there' }),
  ]).toEqual([
    'http://broker-ingress.knative-eventing.svc.cluster.local/there/knitfab',
    'http://kafka-broker-ingress.knative-eventing.svc.cluster.local/there/knitfab',
    'http://knitfab-broker-ingress.there.svc.cluster.local',
    'http://events.test/there',
  ])
})

// What has Pods of its own only where the values ask for it.
const every = { volumes: { layout: 'shared', expander: { enabled: true } } }

test('an image is called by its digest, else by its tag, else by the version of the chart', () => {
  const digest = `sha256:${'0'.repeat(64)}`
  const images = [{ digest, tag: 'theirs' }, { tag: 'theirs' }, {}].map((image) => {
    const manifests = render({ image: { repository: 'registry.test/knitfab', ...image }, ...every })
    const pods = [...podsOf(manifests)].filter(([name]) => name !== 'StatefulSet/postgres')
    return [
      ...new Set([
        ...pods.flatMap(([, pod]) => pod.spec.containers.map((container) => container.image)),
        find(manifests, 'ConfigMap/knitfab-settings').data?.['KNIT_IMAGE'],
      ]),
    ]
  })
  expect(images).toEqual([
    [`registry.test/knitfab@${digest}`],
    ['registry.test/knitfab:theirs'],
    ['registry.test/knitfab:0.1.0'],
  ])
})

test('secrets for registries are used by every Pod', () => {
  const pods = podsOf(render({ image: { pullSecrets: [{ name: 'registry' }] }, ...every }))
  expect([...pods.keys()]).toEqual(
    expect.arrayContaining(['Deployment/agent', 'Deployment/expander']),
  )
  for (const [name, { spec }] of pods)
    expect({ name, secrets: spec.imagePullSecrets }).toEqual({
      name,
      secrets: [{ name: 'registry' }],
    })
})

test.each([
  ['each Data has a claim', 'per-data', []],
  ['all Data share a claim', 'shared', ['Deployment/agent']],
])(
  'where %s the gateway alone knows the token, and nobody more of a secret than they need',
  (_, layout, agents) => {
    const secrets = { signingKey: 'ours', token: 'ours', database: 'ours' }
    const pods = podsOf(render({ secrets, volumes: { layout } }))
    const known = [...pods].flatMap(([name, { spec }]) =>
      spec.containers.flatMap(({ env = [], envFrom = [] }) => [
        ...env.filter(({ valueFrom }) => valueFrom?.secretKeyRef).map((one) => [name, one.name]),
        ...envFrom.filter(({ secretRef }) => secretRef).map(() => [name, 'all']),
      ]),
    )
    const whoKnows = (secret: string) =>
      known.filter(([, what]) => what === secret).map(([who]) => who)
    const all = functions.map(objectOf)
    expect(whoKnows('all')).toEqual([])
    expect(whoKnows('KNIT_TOKEN')).toEqual(['Deployment/gateway'])
    expect(whoKnows('POSTGRES_PASSWORD')).toEqual(['StatefulSet/postgres'])
    expect(whoKnows('KNIT_SIGNING_KEY').toSorted()).toEqual([...all, ...agents].toSorted())
    expect(whoKnows('KNIT_DATABASE_URL').toSorted()).toEqual([...all, 'Job/migrate'].toSorted())
  },
)

test('of the functions that Runs and readers wait for a Pod is always there, and of no others', () => {
  const template = (manifest: Manifest) => manifest.spec?.template?.metadata?.annotations
  const awake = render()
    .filter((manifest) => Number(template(manifest)?.['autoscaling.knative.dev/min-scale']) > 0)
    .map(({ metadata }) => metadata.name)
  expect(awake.toSorted()).toEqual([
    'api-data-find',
    'api-plans-find',
    'api-plans-show',
    'api-runs-find',
    'api-runs-show',
    'step-finish-run',
    'step-initialize-run',
    'step-match-data',
    'step-observe-worker',
    'step-project-runs',
    'step-start-run',
    'step-sweep',
  ])
})

test.for([
  ['of their own names', {}, ['knitfab', 'knitfab-workers']],
  ['one for both', { workers: 'knitfab' }, ['knitfab']],
  ['none, where the admin brings them', { create: false }, []],
] as const)('the brokers are made as they are named: %s', ([, broker, names]) => {
  const manifests = render({ broker })
  const made = manifests.filter(({ kind }) => kind === 'Broker')
  expect(made.map(({ metadata }) => metadata.name)).toEqual(names)
  const { workers = 'knitfab-workers' } = broker as { workers?: string }
  const sink = { ref: { apiVersion: 'eventing.knative.dev/v1', kind: 'Broker', name: workers } }
  expect(find(manifests, 'ApiServerSource/workers').spec).toMatchObject({ sink })
  expect(find(manifests, 'Trigger/workers-observe-worker').spec).toMatchObject({ broker: workers })
  expect(find(manifests, 'Trigger/step-observe-worker').spec).toMatchObject({ broker: 'knitfab' })
})
