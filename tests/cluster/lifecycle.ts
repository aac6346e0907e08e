import { AppsV1Api, RbacAuthorizationV1Api, type KubernetesObject } from '@kubernetes/client-node'
import type { KnitApi } from '#shared/client/connect.ts'
import { data } from '#shared/contracts/data.ts'
import { plans } from '#shared/contracts/plans.ts'
import { runs } from '#shared/contracts/runs.ts'
import { isReady, testConfig } from '#tests/support/kubernetes.ts'
import { until } from '#tests/support/until.ts'
import { kubernetes, type Installed } from './installation.ts'
import { test as base } from './installed.ts'
import { run as execute } from './phase.ts'

const { core, objects } = kubernetes()

/** By which label the chart's objects are known. */
export const ours = 'app.kubernetes.io/part-of=knit'

type Helm = (...words: string[]) => Promise<string>

/** A test that does to the release what its admins do. */
export const test = base.extend<{ helm: Helm }>({
  helm: async ({ there: { namespace } }, use) =>
    use((...words) => execute(['helm', ...words, '--namespace', namespace])),
})

/** The gateway keeps its port, whatever it speaks there. */
export const samePort = ({ apiRoot }: Installed): string[] => [
  '--set',
  `gateway.service.nodePort=${new URL(apiRoot).port}`,
]

/** The token that opens the API: it may be another than the release was installed with. */
export async function tokenOf(namespace: string): Promise<string> {
  const secret = await core.readNamespacedSecret({ namespace, name: 'knitfab-token' })
  return Buffer.from(secret.data?.['KNIT_TOKEN'] ?? '', 'base64').toString()
}

/** All that people would miss. */
export const everything = async (api: KnitApi) =>
  Promise.all([api.call(runs.find, {}), api.call(data.find, {}), api.call(plans.find, {})])

/** What of that is not about this plan. */
export const without = <T>(planId: string, all: T): T =>
  JSON.parse(JSON.stringify(all), (_key, value: unknown) =>
    Array.isArray(value) ? value.filter((one) => !JSON.stringify(one).includes(planId)) : value,
  ) as T

const kinds = [
  ['serving.knative.dev/v1', 'Service'],
  ['eventing.knative.dev/v1', 'Broker'],
  ['eventing.knative.dev/v1', 'Trigger'],
  ['sources.knative.dev/v1', 'ApiServerSource'],
  ['sources.knative.dev/v1', 'PingSource'],
] as const

async function ofKnative(namespace: string): Promise<KubernetesObject[]> {
  const lists = await Promise.all(
    kinds.map(([apiVersion, kind]) => objects.list(apiVersion, kind, namespace)),
  )
  return lists.flatMap(({ items }) => items)
}

/** Waits for what Helm does not: until all of Knative's is there. */
export const untilReady = (namespace: string) =>
  until(async () => (await ofKnative(namespace)).every(isReady))

/** Waits for what Helm does not: until nothing of the release is left but what is kept. */
export async function untilGone(namespace: string): Promise<void> {
  const config = testConfig()
  const apps = config.makeApiClient(AppsV1Api)
  const rbac = config.makeApiClient(RbacAuthorizationV1Api)
  // They have nothing to lose, and Knative gives them minutes.
  const functions = `${ours},knitfab.dev/kind=function`
  await until(async () => {
    await core.deleteCollectionNamespacedPod({
      namespace,
      labelSelector: functions,
      body: { gracePeriodSeconds: 0 },
    })
    const query = { namespace, labelSelector: ours }
    const lists = await Promise.all([
      apps.listNamespacedDeployment(query),
      apps.listNamespacedStatefulSet(query),
      core.listNamespacedPod(query),
      core.listNamespacedServiceAccount(query),
      core.listNamespacedConfigMap(query),
      rbac.listNamespacedRole(query),
      rbac.listNamespacedRoleBinding(query),
    ])
    const left: unknown[] = [
      ...lists.flatMap(({ items }) => items),
      ...(await ofKnative(namespace)),
    ]
    return left.length === 0
  })
}
