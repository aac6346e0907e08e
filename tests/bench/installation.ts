import { KubeConfig, KubernetesObjectApi, type KubernetesObject } from '@kubernetes/client-node'
import {
  connectApi as connectKubernetes,
  type Api,
} from '#shared/adapters/kubernetes-cluster/api.ts'
import type { ClusterSettings } from '#shared/adapters/kubernetes-cluster/settings.ts'
import { connectApi, type KnitApi } from '#shared/client/connect.ts'
import { connect, type Sql } from '#shared/database/sql.ts'
import { configFrom, type Config } from '#shared/runtime/config.ts'
import { settingsOf } from '#shared/runtime/open-kubernetes.ts'
import { findCluster, type Cluster } from '../cluster/cluster.ts'
import { phase, run } from '../cluster/phase.ts'
import { install, type Release } from '../cluster/release.ts'
import { waitingFor, type Bench } from './harness.ts'

/** The chart in a real cluster, reached as its users and its admins reach it. */
export type Installation = Pick<Release, 'namespace' | 'apiRoot' | 'token'> & {
  images: Cluster['images']
  api: KnitApi
  /** Its database, by a port of the node. */
  sql: Sql
  /** What its functions are told. */
  config: Config
  /** What they make Jobs and claims with. */
  settings: ClusterSettings
  kubernetes: Api
  objects: KubernetesObjectApi
  kubectl(...words: string[]): Promise<string>
}

/** Why there can be no cluster here; undefined when there can. */
export function missingCluster(): string | undefined {
  if (process.env['KNIT_TEST_KUBECONFIG']) return undefined
  if (process.platform === 'linux' && process.getuid?.() === 0) return undefined
  return 'it needs a cluster: one in KNIT_TEST_KUBECONFIG, or root on Linux, to raise one'
}

const clusterOf = (bench: Bench): Promise<Cluster> =>
  bench.shared('cluster', async (bench) => {
    const cluster = await findCluster()
    bench.onEnd(() => phase('the cluster is left', cluster.lower))
    return cluster
  })

/** The installation that all benchmarks of a run share, made at its first use, as tests of a cluster make theirs. */
export const installation = (bench: Bench): Promise<Installation> =>
  bench.shared('installation', async (bench) => {
    const cluster = await clusterOf(bench)
    const release = await phase('the chart is installed', () => install(cluster, asItIs))
    bench.onEnd(() => phase('the release is removed', release.remove))
    const { namespace, apiRoot, token } = release
    const kubectl = (...words: string[]) => run(['kubectl', '-n', namespace, ...words], cluster.env)
    const config = await configOf(kubectl)
    const kubeConfig = kubeConfigOf(cluster)
    const objects = KubernetesObjectApi.makeApiClient(kubeConfig)
    return {
      namespace,
      apiRoot,
      token,
      images: cluster.images,
      api: connectApi({ apiRoot, token }),
      sql: await databaseOf(
        bench,
        { namespace, objects, kubectl },
        {
          url: config.databaseUrl,
          host: cluster.host,
        },
      ),
      config,
      settings: settingsOf(config),
      kubernetes: connectKubernetes(kubeConfig),
      objects,
      kubectl,
    }
  })

/** The chart without what tests ask for, such as hooks. */
const asItIs = () => ({})

/** Another release in the same cluster, for one benchmark, whose Data share a claim. */
export async function installShared(
  bench: Bench,
): Promise<Pick<Installation, 'namespace' | 'api'>> {
  const cluster = await clusterOf(bench)
  const shared = () => ({ 'volumes.layout': 'shared' })
  const release = await phase('another is installed, whose Data share a claim', () =>
    install(cluster, shared),
  )
  bench.onEnd(() => phase('the other release is removed', release.remove))
  return { namespace: release.namespace, api: connectApi(release) }
}

function kubeConfigOf({ env }: Cluster): KubeConfig {
  const config = new KubeConfig()
  config.loadFromFile(env['KUBECONFIG'] ?? '')
  return config
}

async function configOf(kubectl: Installation['kubectl']): Promise<Config> {
  const of = async (kind: string, name: string): Promise<Record<string, string>> =>
    JSON.parse(await kubectl('get', kind, name, '-o', 'jsonpath={.data}'))
  const secrets = await Promise.all(
    ['knitfab-signing-key', 'knitfab-database'].map((name) => of('secret', name)),
  )
  const open = (secret: Record<string, string>) =>
    Object.entries(secret).map(([name, value]) => [name, Buffer.from(value, 'base64').toString()])
  const variables = Object.fromEntries(secrets.flatMap(open)) as Record<string, string>
  return configFrom({ ...(await of('configmap', 'knitfab-settings')), ...variables })
}

/** Connects to the database as the tests reach the API: by a port of the node, which has to be open to us. */
async function databaseOf(
  bench: Bench,
  there: Pick<Installation, 'namespace' | 'objects' | 'kubectl'>,
  database: { url: string; host: string },
): Promise<Sql> {
  const name = 'bench-postgres'
  const labels = {
    'app.kubernetes.io/component': 'postgres',
    'app.kubernetes.io/part-of': 'knit',
  }
  await make(bench, there, {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name },
    spec: { podSelector: { matchLabels: labels }, policyTypes: ['Ingress'], ingress: [{}] },
  })
  await make(bench, there, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { type: 'NodePort', selector: labels, ports: [{ port: 5432 }] },
  })
  const url = new URL(database.url)
  const port = 'jsonpath={.spec.ports[0].nodePort}'
  url.host = `${database.host}:${await there.kubectl('get', 'service', name, '-o', port)}`
  const sql = connect(url.href, { max: 2, connect_timeout: 5 })
  bench.onEnd(() => sql.end({ timeout: 5 }))
  await untilAnswering(sql, url.host)
  return sql
}

/** The port of a new Service is not open at once. */
async function untilAnswering(sql: Sql, host: string): Promise<void> {
  const pause = waitingFor(`the database of the installation to answer at ${host}`)
  for (;;) {
    const mistake = await sql`select 1`.then(
      () => undefined,
      (error: unknown) => error,
    )
    if (mistake === undefined) return
    await pause(200, String(mistake))
  }
}

/** Makes an object of Kubernetes, in the namespace of the installation unless it says another, and takes it away at the end. */
export async function make(
  bench: Bench,
  { objects, namespace }: Pick<Installation, 'objects' | 'namespace'>,
  spec: KubernetesObject & Record<string, unknown>,
): Promise<void> {
  const object = { ...spec, metadata: { namespace, ...spec.metadata } }
  await objects.create(object)
  bench.onEnd(() => objects.delete(object, undefined, undefined, 0))
}

/** The namespace of an object that is in none. */
export const clusterWide = { namespace: undefined }
