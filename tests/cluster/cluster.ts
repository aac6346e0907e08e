import { homedir } from 'node:os'
import { join } from 'node:path'
import { run, show } from './phase.ts'

/** Where tests are made: with whose rights, and what the images are called there. */
export type Cluster = {
  /** What kubectl and helm are told in their environment. */
  env: NodeJS.ProcessEnv
  namespacePrefix: string
  images: { knitfab: string; postgres?: string; node: string; tools: string }
  /** Where a NodePort is reached. */
  host: string
  lower(): Promise<void>
}

const scripts = 'tests/cluster'
const store = process.env['CLUSTER_HOME'] ?? join(homedir(), '.cache/knit-cluster')

/** The cluster of `KNIT_TEST_KUBECONFIG`, to which the image has to be known by its name, or one on this machine. */
export const findCluster = (): Promise<Cluster> =>
  process.env['KNIT_TEST_KUBECONFIG'] ? theirCluster() : ownCluster()

const namespacePrefix = process.env['KNIT_TEST_NAMESPACE'] ?? 'knit-test'

async function theirCluster(): Promise<Cluster> {
  const image = process.env['KNIT_TEST_IMAGE']
  if (!image)
    throw new Error(
      'KNIT_TEST_IMAGE is not set: build the image (npm run image), push it where your cluster finds it, and name it by its digest.',
    )
  const env = {
    KUBECONFIG: process.env['KNIT_TEST_KUBECONFIG'],
    HELM_KUBECONTEXT: process.env['KNIT_TEST_KUBECTX'],
  }
  const address = '{.items[0].status.addresses[?(@.type=="InternalIP")].address}'
  const context = process.env['KNIT_TEST_KUBECTX']
  const words = ['kubectl', ...(context ? ['--context', context] : []), 'get', 'nodes']
  const host = await run([...words, '-o', `jsonpath=${address}`], env)
  return {
    env,
    namespacePrefix,
    images: {
      knitfab: image,
      node: 'docker.io/library/node:24',
      tools: 'docker.io/library/busybox:1',
    },
    host,
    lower: async () => {},
  }
}

/** Raises a cluster of one node, in which nothing is left of the one before. */
async function ownCluster(): Promise<Cluster> {
  if ((await show([`${scripts}/up`])) !== 0)
    throw new Error(`The cluster did not come up. What its parts said is in ${join(store, 'log')}.`)
  const env = {
    KUBECONFIG: join(store, 'kubeconfig'),
    PATH: `${process.env['PATH']}:${join(store, 'bin')}`,
  }
  return {
    env,
    namespacePrefix,
    images: {
      knitfab: await loadImage(),
      postgres: await run([`${scripts}/postgres/load`]),
      node: 'registry.local:5000/node:latest',
      tools: 'registry.local:5000/busybox:latest',
    },
    host: '10.98.0.2',
    lower: async () => void (await show([`${scripts}/down`])),
  }
}

/** Builds the image and gives it to the node's registry. */
async function loadImage(): Promise<string> {
  await run(['npm', 'run', '--silent', 'image'])
  const start = ['--entrypoint', '/usr/local/bin/node /app/start.cjs', '--workdir', '/app']
  const flags = [...start, '--user', '65532:65532', '--env', 'NODE_ENV=production']
  return run([`${scripts}/load-image`, 'knitfab', 'dist/image/rootfs', ...flags])
}
