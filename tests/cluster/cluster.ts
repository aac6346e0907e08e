import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { isIPv6 } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { mistakeInPrefix, whyUnusable, type Choice } from '#tests/support/kubeconfig.ts'
import { Failed, phase, run, show } from './phase.ts'

/** Where tests are made: with whose rights, and what the images are called there. */
export type Cluster = {
  /** What kubectl and helm are told in their environment. */
  env: { KUBECONFIG: string; PATH?: string }
  namespacePrefix: string
  images: Images
  /** Whether its network may enforce policies; that of our own takes them and lets everything through. */
  mayEnforcePolicies: boolean
  /** Whether its node is one of this machine, with processes that tests may stop. */
  ownNode: boolean
  /** Of the claims of the installation; those of the cluster's default and of ReadWriteMany, unless given. */
  storage?: { class?: string; mode?: string }
  /** Where a NodePort is reached. */
  host: string
  lower(): Promise<void>
}

/** Ours, and those that the tests make Runs of: one with Node, one with a shell and the small programs. */
export type Images = { knitfab: string; postgres?: string; node: string; tools: string }

export const scripts = 'tests/cluster'
/** Where the cluster of this machine is: `settings`. */
export const store = process.env['CLUSTER_HOME'] ?? join(homedir(), '.cache/knit-cluster')

/** What its programs are told of the cluster that this machine raises. */
export const ownEnv = {
  KUBECONFIG: join(store, 'kubeconfig'),
  PATH: `${process.env['PATH']}:${join(store, 'bin')}`,
}

/** The cluster of `KNIT_TEST_KUBECONFIG`, to which the image has to be known by its name, or one on this machine. */
export async function findCluster(): Promise<Cluster> {
  const mistake = mistakeInPrefix(namespacePrefix)
  if (mistake) throw new Failed(mistake)
  const { KNIT_TEST_KUBECONFIG: file, KNIT_TEST_KUBECTX: context } = process.env
  return file ? theirCluster({ file, context }) : ownCluster()
}

const namespacePrefix = process.env['KNIT_TEST_NAMESPACE'] || 'knit-test'

async function theirCluster(choice: Choice): Promise<Cluster> {
  const { KNIT_TEST_IMAGE, KNIT_TEST_NODE, KNIT_TEST_TOOLS, KNIT_TEST_POSTGRES } = process.env
  const { KNIT_TEST_STORAGE_CLASS, KNIT_TEST_STORAGE_MODE } = process.env
  if (!KNIT_TEST_IMAGE)
    throw new Failed(
      'KNIT_TEST_IMAGE is not set: build the image (npm run image), push it where your cluster finds it, and name it by its digest.',
    )
  const mistake = await whyUnusable(choice)
  if (mistake) throw new Failed(mistake)
  const host = await firstAddress(choice)
  const kubeconfig = await chosenContext(choice)
  // Nothing may fail once credentials are in a folder that only `lower` removes.
  const folder = await mkdtemp(join(tmpdir(), 'knit-cluster-'))
  const env = { KUBECONFIG: join(folder, 'kubeconfig') }
  await writeFile(env.KUBECONFIG, kubeconfig, { mode: 0o600 })
  return {
    env,
    namespacePrefix,
    images: {
      knitfab: KNIT_TEST_IMAGE,
      node: KNIT_TEST_NODE ?? 'docker.io/library/node:24',
      tools: KNIT_TEST_TOOLS ?? 'docker.io/library/busybox:1',
      ...(KNIT_TEST_POSTGRES && { postgres: KNIT_TEST_POSTGRES }),
    },
    mayEnforcePolicies: true,
    ownNode: false,
    storage: {
      ...(KNIT_TEST_STORAGE_CLASS && { class: KNIT_TEST_STORAGE_CLASS }),
      ...(KNIT_TEST_STORAGE_MODE && { mode: KNIT_TEST_STORAGE_MODE }),
    },
    host,
    lower: () => rm(folder, { recursive: true }),
  }
}

/** Where the first node is reached: a node may have addresses of two families. */
async function firstAddress(choice: Choice): Promise<string> {
  const path = '{.items[0].status.addresses[?(@.type=="InternalIP")].address}'
  const asked = ['get', 'nodes', '--request-timeout=10s', '-o', `jsonpath=${path}`]
  const [address = ''] = (await kubectlOf(choice, asked)).split(' ')
  return isIPv6(address) ? `[${address}]` : address
}

/** The kubeconfig with one context, which is the current one whoever reads it. */
const chosenContext = (choice: Choice): Promise<string> =>
  kubectlOf(choice, ['config', 'view', '--minify', '--flatten'])

const kubectlOf = ({ file, context }: Choice, words: string[]): Promise<string> =>
  run(['kubectl', ...words, ...(context ? ['--context', context] : [])], { KUBECONFIG: file })

/** Raises a cluster of one node, unless it is there, and gives it the images. */
export async function ownCluster(): Promise<Cluster> {
  const wasThere = await ownRuns()
  mustBeRoot()
  const lower = wasThere ? leaveOwn : lowerOwn
  const knitfab = await raiseWithImage().catch(async (error: unknown) => {
    await lower()
    throw error
  })
  return {
    env: ownEnv,
    namespacePrefix,
    images: {
      knitfab,
      postgres: 'registry.local:5000/postgres:latest',
      node: 'registry.local:5000/node:latest',
      tools: 'registry.local:5000/busybox:latest',
    },
    mayEnforcePolicies: false,
    ownNode: true,
    host: '10.98.0.2',
    lower,
  }
}

/** Raises a cluster that has our image; gives back its name. */
async function raiseWithImage(): Promise<string> {
  // The one waits much of the time in which the other computes. Neither is left behind when the other fails.
  const made = [raise(), phase('our image is built', buildImage)]
  for (const one of await Promise.allSettled(made)) if (one.status === 'rejected') throw one.reason
  return phase('our image is loaded', giveImage)
}

/** Whether the node of this machine's own cluster runs. */
export const ownRuns = async (): Promise<boolean> =>
  (await show(['bash', '-c', `source ${scripts}/settings && node_runs`])) === 0

/** Somebody develops on it. */
async function leaveOwn(): Promise<void> {
  console.log('The cluster was there before, and stays: npm run cluster -- down ends it.')
}

function mustBeRoot(): void {
  if (process.getuid?.() !== 0)
    throw new Failed(
      'A cluster of one node is raised by root alone: become root, or name a cluster of your own in KNIT_TEST_KUBECONFIG.',
    )
}

async function raise(): Promise<void> {
  const code = await phase('a cluster of one node is raised', () => show([`${scripts}/up`]))
  if (code !== 0)
    throw new Failed(
      `The cluster did not come up. What its parts said is in ${join(store, 'log')}.`,
    )
}

/** Ends the cluster of this machine, and leaves nothing of it but what was built. */
export async function lowerOwn(): Promise<void> {
  const code = await show([`${scripts}/down`])
  if (code !== 0) throw new Failed(`The cluster did not go: ${scripts}/down ended with ${code}.`)
}

/** Builds the image and gives it to the node’s registry; answers its name there, by its digest. */
export async function loadImage(): Promise<string> {
  await buildImage()
  return giveImage()
}

const buildImage = (): Promise<string> => run(['npm', 'run', '--silent', 'image'])

function giveImage(): Promise<string> {
  const start = ['--entrypoint', '/usr/local/bin/node /app/start.cjs', '--workdir', '/app']
  const flags = [...start, '--user', '65532:65532', '--env', 'NODE_ENV=production']
  return run([`${scripts}/load-image`, 'knitfab', 'dist/image/rootfs', ...flags])
}
