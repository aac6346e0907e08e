import {
  CoreV1Api,
  KubeConfig,
  RbacAuthorizationV1Api,
  type KubernetesObject,
} from '@kubernetes/client-node'
import { randomUUID } from 'node:crypto'
import { agentPath, agentPort } from '#shared/adapters/kubernetes-cluster/agent-variables.ts'
import { connectApi } from '#shared/adapters/kubernetes-cluster/api.ts'
import { kubernetesCluster } from '#shared/adapters/kubernetes-cluster/kubernetes-cluster.ts'
import { sharedAgent, sharedClaim } from '#shared/adapters/kubernetes-cluster/mounts.ts'
import {
  ownProgram,
  restrictedPod,
  variablesOf,
  volumeFor,
} from '#shared/adapters/kubernetes-cluster/pod-parts.ts'
import { workerAccount, workerRights } from '#shared/adapters/kubernetes-cluster/rights.ts'
import type {
  ClusterSettings,
  SharedSettings,
} from '#shared/adapters/kubernetes-cluster/settings.ts'
import type { Cluster, Transfers } from '#shared/ports/cluster.ts'
import { until } from './until.ts'

/** A Kubernetes that tests may use, and what they need to know of it. */
export type TestKubernetes = {
  /** Our own image, as the cluster knows it. */
  image: string
  /** One with `sh` and the usual small programs. */
  tools: string
}

/** The cluster of `KNIT_TEST_KUBECONFIG`, if there is one that was given images. */
export function kubernetesHere(env: NodeJS.ProcessEnv = process.env): TestKubernetes | undefined {
  const { KNIT_TEST_KUBECONFIG: file, KNIT_TEST_IMAGE: image, KNIT_TEST_TOOLS: tools } = env
  return file && image && tools ? { image, tools } : undefined
}

/** True in the tests of a cluster: what is tested of one machine has been tested before. */
export const isClusterSuite = (): boolean => process.env['KNIT_TEST_INSTALLED'] !== undefined

/** Who the tests are for the API server: somebody who may do everything. */
export function testConfig(): KubeConfig {
  const config = new KubeConfig()
  config.loadFromFile(process.env['KNIT_TEST_KUBECONFIG'] ?? '')
  const context = process.env['KNIT_TEST_KUBECTX']
  if (context) config.setCurrentContext(context)
  return config
}

/** A name that no other namespace has. */
export const newNamespace = (): string =>
  `${process.env['KNIT_TEST_NAMESPACE'] ?? 'knit-test'}-${randomUUID().slice(0, 8)}`

type Conditions = { status?: { conditions?: { type: string; status: string }[] } }

/** Whether it is said of an object of Knative that all of it is there. */
export const isReady = (object: KubernetesObject): boolean =>
  (object as Conditions).status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True'

export type TestNamespace = {
  cluster: Cluster & Transfers
  namespace: string
  /** For what somebody does who knows nothing of us. */
  core: CoreV1Api
  close(): Promise<void>
}

type Layout = ClusterSettings['volumes']['layout']

/** A namespace of its own, with what the chart puts there for workers: their account, and in the shared layout the claim and its agent. */
export async function openNamespace(
  { image }: TestKubernetes,
  { layout = 'per-data', ...more }: Partial<ClusterSettings> & { layout?: Layout } = {},
): Promise<TestNamespace> {
  const config = testConfig()
  const core = config.makeApiClient(CoreV1Api)
  const namespace = newNamespace()
  await core.createNamespace({ body: { metadata: { name: namespace } } })
  await allowWorkers(config, namespace)
  const signingKey = randomUUID()
  const volumes =
    layout === 'shared'
      ? await openShared(core, { namespace, image, signingKey })
      : ({ layout, storageClass: '', accessMode: 'ReadWriteMany', size: '1Gi' } as const)
  const settings: ClusterSettings = {
    namespace,
    image,
    volumes,
    workers: {
      priorityClass: '',
      serviceAccounts: [],
      pullSecrets: [],
      grace: 2,
      podGrace: 600,
      profile: 'baseline',
    },
    agents: {},
    signingKey,
    ...more,
  }
  const close = async () => {
    // While a Pod has a long grace the namespace would wait for it.
    await core.deleteCollectionNamespacedPod({ namespace, body: { gracePeriodSeconds: 0 } })
    await core.deleteNamespace({ name: namespace })
  }
  return { cluster: kubernetesCluster(settings, connectApi(config)), namespace, core, close }
}

async function allowWorkers(config: KubeConfig, namespace: string): Promise<void> {
  const core = config.makeApiClient(CoreV1Api)
  const rbac = config.makeApiClient(RbacAuthorizationV1Api)
  const metadata = { name: workerAccount }
  const rules = workerRights.map(({ group, resources, verbs }) => ({
    apiGroups: [group],
    resources: [...resources],
    verbs: [...verbs],
  }))
  await core.createNamespacedServiceAccount({ namespace, body: { metadata } })
  await rbac.createNamespacedRole({ namespace, body: { metadata, rules } })
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: workerAccount }
  const subjects = [{ kind: 'ServiceAccount', name: workerAccount, namespace }]
  await rbac.createNamespacedRoleBinding({ namespace, body: { metadata, roleRef, subjects } })
}

/** As the chart does, but for the Deployment and its Service, which tests have no need of. */
async function openShared(
  core: CoreV1Api,
  { namespace, image, signingKey }: Pick<ClusterSettings, 'namespace' | 'image' | 'signingKey'>,
): Promise<SharedSettings> {
  const claim = {
    metadata: { name: sharedClaim },
    spec: { accessModes: ['ReadWriteMany'], resources: { requests: { storage: '1Gi' } } },
  }
  await core.createNamespacedPersistentVolumeClaim({ namespace, body: claim })
  const agent = {
    metadata: { name: sharedAgent },
    spec: {
      ...restrictedPod,
      containers: [
        {
          name: 'agent',
          ...ownProgram(image, 'agent'),
          ...variablesOf({ KNIT_SIGNING_KEY: signingKey }),
          volumeMounts: [{ name: sharedClaim, mountPath: agentPath }],
        },
      ],
      volumes: [volumeFor(sharedClaim)],
    },
  }
  await core.createNamespacedPod({ namespace, body: agent })
  const host = await until(async () => {
    const { status } = await core.readNamespacedPod({ namespace, name: sharedAgent })
    return status?.phase === 'Running' && status.podIP
  })
  return { layout: 'shared', agentUrl: `http://${host}:${agentPort}` }
}
