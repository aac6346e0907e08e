import { KubernetesObjectApi, PatchStrategy, type KubernetesObject } from '@kubernetes/client-node'
import { isReady, testConfig } from '#tests/support/kubernetes.ts'
import { until } from '#tests/support/until.ts'

type Variable = { name: string; value?: string }
type Service = KubernetesObject & {
  metadata: { generation: number }
  spec: { template: { spec: { containers: { env?: Variable[] }[] } } }
  status: { observedGeneration: number }
}

const name = 'KNIT_LOOK_INTERVAL'

/**
 * Has workers looked at without an event every few seconds, as they are unless values say otherwise, such as those of the tests;
 * until who is answered is called.
 */
export async function lookOften(namespace: string, seconds: number): Promise<() => Promise<void>> {
  const objects = KubernetesObjectApi.makeApiClient(testConfig())
  const service = {
    apiVersion: 'serving.knative.dev/v1',
    kind: 'Service',
    metadata: { name: 'step-observe-worker', namespace },
  }
  const set = async (more: Variable[]) => {
    const { spec } = await objects.read<Service>(service)
    const [first, ...others] = spec.template.spec.containers
    const env = [...(first?.env ?? []).filter((variable) => variable.name !== name), ...more]
    const containers = [{ ...first, env }, ...others]
    const changed = { ...service, spec: { template: { spec: { containers } } } }
    const strategy = PatchStrategy.MergePatch
    await objects.patch(changed, undefined, undefined, undefined, undefined, strategy)
    await until(async () => {
      const now = await objects.read<Service>(service)
      return now.status.observedGeneration === now.metadata.generation && isReady(now)
    })
  }
  await set([{ name, value: String(seconds) }])
  return () => set([])
}
