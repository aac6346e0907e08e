import { AuthorizationV1Api, type Configuration } from '@kubernetes/client-node'
import { ask } from '#shared/adapters/kubernetes-cluster/api.ts'

/** What the tests do in a cluster: to all of it, or in namespaces that they make. */
const rights: Record<string, readonly string[]> = {
  create: [
    'namespaces',
    'persistentvolumes',
    'persistentvolumeclaims',
    'pods',
    'pods/eviction',
    'pods/exec',
    'services',
    'services/proxy',
    'secrets',
    'configmaps',
    'serviceaccounts',
    'serviceaccounts/token',
    'resourcequotas',
    'limitranges',
    'jobs.batch',
    'deployments.apps',
    'statefulsets.apps',
    'roles.rbac.authorization.k8s.io',
    'rolebindings.rbac.authorization.k8s.io',
    'networkpolicies.networking.k8s.io',
    'endpointslices.discovery.k8s.io',
    // Only to be tried: what the README says of them.
    'storageclasses.storage.k8s.io',
    'services.serving.knative.dev',
    'brokers.eventing.knative.dev',
    'triggers.eventing.knative.dev',
    'apiserversources.sources.knative.dev',
    'pingsources.sources.knative.dev',
  ],
  get: ['pods/log'],
  list: ['nodes'],
  update: ['namespaces'],
  patch: ['namespaces', 'nodes'],
  delete: ['namespaces', 'persistentvolumes'],
  deletecollection: ['pods', 'secrets'],
  impersonate: ['users', 'groups'],
}

/** Those that whoever asks has not got, as kubectl names them. */
export async function missingRights(server: string, settings: Configuration): Promise<string[]> {
  const api = new AuthorizationV1Api(settings)
  const asked = Object.entries(rights).flatMap(([verb, all]) =>
    all.map(async (what) => {
      const resourceAttributes = { verb, ...attributesOf(what) }
      const review = api.createSelfSubjectAccessReview({ body: { spec: { resourceAttributes } } })
      const { status } = await ask(server, review)
      return status?.allowed ? [] : [`${verb} ${what}`]
    }),
  )
  return (await Promise.all(asked)).flat()
}

/** Of `RESOURCE.GROUP/SUBRESOURCE`. */
function attributesOf(what: string) {
  const [named = '', subresource] = what.split('/')
  const [resource, ...group] = named.split('.')
  return { resource, group: group.join('.'), ...(subresource && { subresource }) }
}
