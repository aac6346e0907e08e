import { randomBytes } from 'node:crypto'
import type { Cluster } from './cluster.ts'
import { run } from './phase.ts'

/** One installation of the chart, which all tests share. */
export type Release = { namespace: string; apiRoot: string; token: string; remove(): Promise<void> }

export async function install({ env, namespacePrefix, images, host }: Cluster): Promise<Release> {
  const namespace = `${namespacePrefix}-${randomBytes(3).toString('hex')}`
  const kubectl = (...words: string[]) => run(['kubectl', '-n', namespace, ...words], env)
  const [repository, digest = ''] = images.knitfab.split('@')
  const values = {
    'image.repository': repository,
    'image.digest': digest,
    'gateway.service.type': 'NodePort',
    'volumes.size': '1Gi',
    'postgres.size': '1Gi',
    ...(images.postgres && { 'postgres.image': images.postgres }),
  }
  const set = Object.entries(values).flatMap(([name, value]) => ['--set', `${name}=${value}`])
  const where = ['--namespace', namespace, '--create-namespace', '--wait', '--timeout', '5m']
  await run(['helm', 'install', 'knitfab', 'charts/knitfab', ...where, ...set], env)

  // What Helm does not know waits here.
  const ready = ['wait', '--for=condition=Ready', '--timeout=180s', '--all']
  for (const kind of ['ksvc', 'broker', 'trigger', 'apiserversource', 'pingsource'])
    await kubectl(...ready, kind)
  const port = await kubectl(
    'get',
    'service',
    'gateway',
    '-o',
    'jsonpath={.spec.ports[0].nodePort}',
  )
  const secret = await kubectl(
    'get',
    'secret',
    'knitfab-token',
    '-o',
    'jsonpath={.data.KNIT_TOKEN}',
  )
  return {
    namespace,
    apiRoot: `http://${host}:${port}/api`,
    token: Buffer.from(secret, 'base64').toString(),
    remove: () => remove(namespace, env),
  }
}

/** Takes everything away, Data too. A Pod of Knative may take minutes to go, and has nothing to lose. */
async function remove(namespace: string, env: NodeJS.ProcessEnv): Promise<void> {
  await run(['helm', 'uninstall', 'knitfab', '--namespace', namespace], env)
  await run(['kubectl', '-n', namespace, 'delete', 'pod', '--all', '--force'], env)
  await run(['kubectl', 'delete', 'namespace', namespace, '--timeout', '120s'], env)
}
