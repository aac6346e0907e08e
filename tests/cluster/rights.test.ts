import { AppsV1Api, CoreV1Api, type V1PodSpec } from '@kubernetes/client-node'
import { beforeAll, expect, test } from 'vitest'
import {
  rights,
  workerAccount,
  workerRights,
  type Rule,
} from '#shared/adapters/kubernetes-cluster/rights.ts'
import { apiServer, type AskApiServer } from '#tests/support/api-server.ts'
import { testConfig } from '#tests/support/kubernetes.ts'
import { functions } from './functions.ts'
import { installed } from './installation.ts'
import { accounts } from './values.ts'

const { namespace } = installed()
const config = testConfig()
const core = config.makeApiClient(CoreV1Api)

type Attempt = { what: string; method: string; path: string; body?: string; type?: string }

/** A request for each verb, of which nothing comes: about what does not exist, or as a dry run of what cannot be. */
const requests: Record<string, Omit<Attempt, 'what'>> = {
  get: { method: 'GET', path: '/absent' },
  list: { method: 'GET', path: '?limit=1' },
  watch: { method: 'GET', path: '?watch=1&timeoutSeconds=1' },
  create: { method: 'POST', path: '?dryRun=All', body: '{}' },
  update: { method: 'PUT', path: '/absent?dryRun=All', body: '{}' },
  patch: {
    method: 'PATCH',
    path: '/absent?dryRun=All',
    body: '{}',
    type: 'application/merge-patch+json',
  },
  delete: { method: 'DELETE', path: '/absent?dryRun=All' },
  deletecollection: { method: 'DELETE', path: '?dryRun=All&labelSelector=knit.test%2Fabsent' },
}

const groups: Record<string, string> = {
  '': '/api/v1',
  batch: '/apis/batch/v1',
  apps: '/apis/apps/v1',
  'rbac.authorization.k8s.io': '/apis/rbac.authorization.k8s.io/v1',
  'networking.k8s.io': '/apis/networking.k8s.io/v1',
  'serving.knative.dev': '/apis/serving.knative.dev/v1',
  'eventing.knative.dev': '/apis/eventing.knative.dev/v1',
}

/** What functions use, and what would be worth having. */
const kinds: [group: string, resource: string][] = [
  ...['pods', 'persistentvolumeclaims', 'events', 'secrets', 'configmaps', 'serviceaccounts'].map(
    (resource): [string, string] => ['', resource],
  ),
  ['batch', 'jobs'],
  ['apps', 'deployments'],
  ['rbac.authorization.k8s.io', 'rolebindings'],
  ['networking.k8s.io', 'networkpolicies'],
  ['serving.knative.dev', 'services'],
  ['eventing.knative.dev', 'triggers'],
]

const parts: [verb: string, group: string, resource: string, part: string][] = [
  ['get', '', 'pods', 'log'],
  ['get', '', 'pods', 'exec'],
  ['create', '', 'pods', 'exec'],
  ['create', '', 'pods', 'attach'],
  ['create', '', 'pods', 'portforward'],
  ['create', '', 'pods', 'eviction'],
  ['get', '', 'pods', 'proxy'],
  ['patch', '', 'pods', 'ephemeralcontainers'],
  ['patch', '', 'pods', 'status'],
  ['create', '', 'serviceaccounts', 'token'],
  ['patch', 'batch', 'jobs', 'status'],
]

const attempts: Attempt[] = [
  ...kinds.flatMap(([group, resource]) =>
    Object.entries(requests).map(([verb, request]) => ({
      ...request,
      what: `${verb} ${group}/${resource}`,
      path: `${groups[group]}/namespaces/${namespace}/${resource}${request.path}`,
    })),
  ),
  ...parts.map(([verb, group, resource, part]) => {
    const { method, body, type } = requests[verb] as Attempt
    const path = `${groups[group]}/namespaces/${namespace}/${resource}/absent/${part}?dryRun=All`
    return { what: `${verb} ${group}/${resource}/${part}`, method, body, type, path }
  }),
  ...[
    '/api/v1/pods',
    '/api/v1/secrets',
    '/api/v1/nodes',
    '/api/v1/namespaces',
    '/apis/batch/v1/jobs',
  ]
    .concat('/api/v1/namespaces/kube-system/secrets', '/api/v1/namespaces/default/pods')
    .map((path) => ({ what: `list all of ${path}`, method: 'GET', path: `${path}?limit=1` })),
]

/** Every account of the release, with what it should be able to do. */
const expected = new Map<string, readonly Rule[]>([
  ...functions.map(({ service, uses }): [string, readonly Rule[]] => [
    service,
    uses.flatMap((call) => rights[call]),
  ]),
  [workerAccount, workerRights],
  [
    'worker-events',
    [
      { group: '', resources: ['pods'], verbs: ['get', 'list', 'watch'] },
      { group: 'batch', resources: ['jobs'], verbs: ['get', 'list', 'watch'] },
    ],
  ],
])

const wordsOf = (rules: readonly Rule[]): string[] =>
  rules.flatMap(({ group, resources, verbs }) =>
    resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`)),
  )

let ask: AskApiServer
beforeAll(async () => {
  ask = await apiServer()
})

/** What an account is let do, of all that is tried. */
async function allowedTo(account: string): Promise<string[]> {
  const { status } = await core.createNamespacedServiceAccountToken({
    namespace,
    name: account,
    body: { spec: { audiences: [], expirationSeconds: 600 } },
  })
  const answers = await Promise.all(
    attempts.map(async ({ what, ...request }) => {
      const answer = await ask({ ...request, token: status?.token })
      expect(answer.status).not.toBe(401)
      return answer.status === 403 ? [] : [what]
    }),
  )
  return answers.flat()
}

test.for([...expected.keys()])(
  '%s may do what its calls ask of the API server, and nothing else',
  async (account) => {
    const allowed = await allowedTo(account)
    expect(new Set(allowed)).toEqual(new Set(wordsOf(expected.get(account) ?? [])))
  },
)

test('there is no other account that may do anything', async () => {
  const { items } = await core.listNamespacedServiceAccount({ namespace })
  const names = items.flatMap(({ metadata }) => metadata?.name ?? [])
  const others = names.filter((name) => !expected.has(name))
  expect(others.toSorted()).toEqual(['default', accounts.guest])
  for (const name of others) expect(await allowedTo(name)).toEqual([])
})

const mountsToken = ({ automountServiceAccountToken, volumes = [] }: V1PodSpec): boolean =>
  automountServiceAccountToken !== false ||
  volumes.some(({ projected }) => projected?.sources?.some((one) => one.serviceAccountToken))

test('a function that asks nothing of the API server has no token for it', async () => {
  const apps = config.makeApiClient(AppsV1Api)
  const labelSelector = 'knitfab.dev/kind=function'
  const [deployments, pods] = await Promise.all([
    apps.listNamespacedDeployment({ namespace, labelSelector }),
    core.listNamespacedPod({ namespace, labelSelector }),
  ])
  const specs = [
    ...deployments.items.map(({ spec }) => spec?.template.spec),
    ...pods.items.map(({ spec }) => spec),
  ].filter((spec) => spec !== undefined)
  const withToken = new Set(specs.filter(mountsToken).map((spec) => spec.serviceAccountName))
  const askers = functions.filter(({ uses }) => uses.length > 0).map(({ service }) => service)
  expect(withToken).toEqual(new Set(askers))
  expect(new Set(specs.map((spec) => spec.serviceAccountName))).toEqual(
    new Set(functions.map(({ service }) => service)),
  )
})
