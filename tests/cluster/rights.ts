import { CoreV1Api } from '@kubernetes/client-node'
import { expect } from 'vitest'
import { workerAccount, type Rule } from '#shared/adapters/kubernetes-cluster/rights.ts'
import { rulesOf, type Layout } from '#tests/support/account-rights.ts'
import { apiServer } from '#tests/support/api-server.ts'
import { testConfig } from '#tests/support/kubernetes.ts'
import { functions } from './functions.ts'
import { accounts } from './values.ts'

const core = testConfig().makeApiClient(CoreV1Api)

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

const attemptsIn = (namespace: string): Attempt[] => [
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

/** Every account of a release, with what it should be able to do. */
export function expectedRights(layout: Layout): ReadonlyMap<string, readonly Rule[]> {
  const expected = new Map<string, readonly Rule[]>([
    ...functions.map(({ service }): [string, readonly Rule[]] => [service, []]),
    ...rulesOf(layout),
  ])
  return expected.set(accounts.guest, expected.get(workerAccount) ?? [])
}

export const wordsOf = (rules: readonly Rule[] = []): ReadonlySet<string> =>
  new Set(
    rules.flatMap(({ group, resources, verbs }) =>
      resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`)),
    ),
  )

/** What an account is let do, of all that is tried. */
export async function allowedTo(namespace: string, account: string): Promise<ReadonlySet<string>> {
  const ask = await apiServer()
  const { status } = await core.createNamespacedServiceAccountToken({
    namespace,
    name: account,
    body: { spec: { audiences: [], expirationSeconds: 600 } },
  })
  const answers = await Promise.all(
    attemptsIn(namespace).map(async ({ what, ...request }) => {
      const answer = await ask({ ...request, token: status?.token })
      expect(answer.status).not.toBe(401)
      return answer.status === 403 ? [] : [what]
    }),
  )
  return new Set(answers.flat())
}
