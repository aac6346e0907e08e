import { AppsV1Api, PatchStrategy, setHeaderOptions, type CoreV1Api } from '@kubernetes/client-node'
import { testConfig } from '#tests/support/kubernetes.ts'
import { asked } from '../asked.ts'
import { killPod } from './pods.ts'

/** Of what the broker in memory is made: what takes events, keeps them, and hands them out. */
export const brokerParts = ['mt-broker-ingress', 'imc-dispatcher', 'mt-broker-filter'] as const
export type BrokerPart = (typeof brokerParts)[number]

const namespace = 'knative-eventing'

/** Kills the Pods of a part, with what they have in memory. */
export async function killBroker(core: CoreV1Api, part: BrokerPart): Promise<void> {
  const { items } = await core.listNamespacedPod({ namespace })
  const own = items.filter(({ metadata }) => metadata?.name?.startsWith(`${part}-`))
  if (own.length === 0) throw new Error(`of ${part} there is no Pod in ${namespace}`)
  for (const { metadata } of own) await killPod(namespace, metadata?.name ?? '')
}

/** Lets each part have so many Pods, and waits until that is so. */
export async function scaleBroker(replicas: 0 | 1): Promise<void> {
  const apps = testConfig().makeApiClient(AppsV1Api)
  for (const name of brokerParts)
    await apps.patchNamespacedDeployment(
      { namespace, name, body: { spec: { replicas } } },
      setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
    )
  for (const name of brokerParts)
    await asked(async () => {
      const { status } = await apps.readNamespacedDeployment({ namespace, name })
      return (status?.availableReplicas ?? 0) === replicas || undefined
    })
}
