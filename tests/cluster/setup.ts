import type { KubernetesObject, V1Deployment } from '@kubernetes/client-node'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { restricted, restrictedPod } from '#shared/adapters/kubernetes-cluster/pod-parts.ts'
import { connectApi } from '#shared/client/connect.ts'
import { until } from '#tests/support/until.ts'
import { installed, kubernetes, type Installed } from './installation.ts'
import { accounts, collector, hooks } from './values.ts'
import { makeMaterial } from './work.ts'

/** Makes what the tests need beside the release, unless it is there: hooks that answer, a collector of traces, an account without rights, a data. */
export default async function setup(): Promise<void> {
  const { objects } = kubernetes()
  const { namespace, images, apiRoot, token } = installed()
  const servers = [hooks, collector]
  const made = servers.flatMap((server) => manifestsOf(server, namespace, images))
  for (const object of [...made, guest(namespace)])
    await objects.create(object).catch((error: { code?: number }) => {
      if (error.code !== 409) throw error
    })
  for (const { service: name } of servers) {
    const server = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace } }
    await until(async () => (await objects.read<V1Deployment>(server)).status?.availableReplicas)
  }
  const folder = mkdtempSync('/var/tmp/knit-cluster-test-')
  await makeMaterial(connectApi({ apiRoot, token }), folder)
  rmSync(folder, { recursive: true })
}

const guest = (namespace: string): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name: accounts.guest, namespace },
})

type Manifest = KubernetesObject & { spec: object }

function manifestsOf(
  { service, port, program }: typeof hooks,
  namespace: string,
  { node }: Installed['images'],
): Manifest[] {
  const metadata = { name: service, namespace }
  const labels = { app: service }
  const selector = { matchLabels: labels }
  const { restartPolicy: _always, ...pod } = restrictedPod
  const container = {
    name: service,
    image: node,
    command: ['node', '-e', readFileSync(new URL(program, import.meta.url), 'utf8')],
    env: [{ name: 'PORT', value: String(port) }],
    readinessProbe: { httpGet: { path: '/', port }, periodSeconds: 1 },
    securityContext: restricted,
  }
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: {
        selector,
        template: {
          metadata: { labels },
          spec: { ...pod, terminationGracePeriodSeconds: 1, containers: [container] },
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { selector: labels, ports: [{ port: 80, targetPort: port }] },
    },
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata,
      spec: { podSelector: selector, policyTypes: ['Ingress'], ingress: [{}] },
    },
  ]
}
