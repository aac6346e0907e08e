import { randomBytes } from 'node:crypto'
import type { Cluster } from './cluster.ts'
import { Failed, run, show } from './phase.ts'
import { testValues } from './values.ts'

/** One installation of the chart, which all tests share. */
export type Release = {
  namespace: string
  apiRoot: string
  token: string
  /** What it was installed with, as JSON. */
  values: string
  remove(): Promise<void>
}

const release = 'knitfab'

/** Installs the chart in a namespace of its own, with the values that tests ask for. What could not be installed is taken away again. */
export async function install(
  cluster: Cluster,
  valuesFor: (namespace: string) => Record<string, string> = testValues,
): Promise<Release> {
  const namespace = `${cluster.namespacePrefix}-${randomBytes(3).toString('hex')}`
  try {
    return await bring(cluster, namespace, valuesFor(namespace))
  } catch (error) {
    await remove(cluster.env, namespace)
    throw error
  }
}

/** Brings a namespace to the chart of this checkout, whatever is there; shows what did not become ready. */
export async function bring(
  cluster: Cluster,
  namespace: string,
  more: Record<string, string> = {},
): Promise<Release> {
  try {
    await takeBack(cluster.env, namespace)
    await upgrade(cluster, namespace, more)
    return await readyRelease(cluster.env, namespace)
  } catch (error) {
    await explain(cluster, namespace)
    throw error
  }
}

/** What somebody has interrupted takes no upgrade. */
async function takeBack(env: NodeJS.ProcessEnv, namespace: string): Promise<void> {
  const at = ['--namespace', namespace]
  const list = ['helm', 'list', '--pending', '--filter', `^${release}$`, ...at, '--output', 'json']
  const [pending] = JSON.parse(await run(list, env)) as { status: string }[]
  if (!pending) return
  if (pending.status !== 'pending-install') await run(['helm', 'rollback', release, ...at], env)
  else await run(['helm', 'uninstall', release, '--no-hooks', ...at], env)
}

async function upgrade(
  { env, images, storage = {} }: Cluster,
  namespace: string,
  more: Record<string, string>,
): Promise<void> {
  const [repository = '', digest = ''] = images.knitfab.split('@')
  const values: Record<string, string> = {
    'image.repository': repository,
    'image.digest': digest,
    'gateway.service.type': 'NodePort',
    'volumes.size': '1Gi',
    'postgres.size': '1Gi',
    ...(images.postgres && { 'postgres.image': images.postgres }),
    ...(storage.class && {
      'volumes.storageClass': storage.class,
      'postgres.storageClass': storage.class,
    }),
    ...(storage.mode && { 'volumes.accessMode': storage.mode }),
    ...more,
  }
  const set = Object.entries(values).flatMap(([name, value]) => ['--set', `${name}=${value}`])
  const where = ['--namespace', namespace, '--create-namespace', '--wait', '--timeout', '5m']
  await run(['helm', 'upgrade', '--install', release, 'charts/knitfab', ...where, ...set], env)
}

/** Waits for what Helm does not know, and finds out how it is reached. */
export async function readyRelease(env: NodeJS.ProcessEnv, namespace: string): Promise<Release> {
  const ready = ['wait', '--for=condition=Ready', '--timeout=180s', '--all']
  for (const kind of ['ksvc', 'broker', 'trigger', 'apiserversource', 'pingsource'])
    await run(['kubectl', '-n', namespace, ...ready, kind], env)
  const reached = await followNotes(env, namespace)
  const get = ['helm', 'get', 'values', release, '--namespace', namespace, '--output', 'json']
  const values = await run(get, env)
  return { namespace, ...reached, values, remove: () => remove(env, namespace) }
}

/** Where the API is, and its token: by the commands that Helm has people type. */
async function followNotes(
  env: NodeJS.ProcessEnv,
  namespace: string,
): Promise<Pick<Release, 'apiRoot' | 'token'>> {
  const notes = await run(['helm', 'get', 'notes', release, '--namespace', namespace], env)
  const commands = notes.match(/^ {5}[A-Z]+=.*$/gm) ?? []
  const script = [...commands, 'printf "%s\\n" "$API" "$TOKEN"'].join('\n')
  const told = await run(['bash', '-euo', 'pipefail', '-c', script], env)
  const [apiRoot = '', token = ''] = told.split('\n')
  return { apiRoot, token }
}

/** Shows what did not become ready, and what was said about it. */
async function explain({ env }: Cluster, namespace: string): Promise<void> {
  const kubectl = (...words: string[]) => show(['kubectl', '-n', namespace, ...words], env)
  await kubectl('get', 'pods', '-o', 'wide')
  await kubectl('get', 'ksvc,broker,trigger,apiserversource,pingsource')
  await kubectl('get', 'events', '--field-selector', 'type=Warning', '--sort-by', '.lastTimestamp')
}

/** Takes everything away, Data too. A Pod of Knative may take minutes to go, and has nothing to lose. */
export async function remove(env: NodeJS.ProcessEnv, namespace: string): Promise<void> {
  await run(['helm', 'uninstall', release, '--ignore-not-found', '--namespace', namespace], env)
  await run(['kubectl', '-n', namespace, 'delete', 'pod', '--all', '--force'], env)
  const patience = ['--ignore-not-found', '--timeout', '300s']
  const code = await show(['kubectl', 'delete', 'namespace', namespace, ...patience], env)
  if (code !== 0) throw new Failed(`The namespace ${namespace} did not go within five minutes.`)
}
