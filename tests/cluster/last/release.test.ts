import { AppsV1Api, RbacAuthorizationV1Api, type KubernetesObject } from '@kubernetes/client-node'
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { KnitApi } from '#shared/client/connect.ts'
import { data } from '#shared/contracts/data.ts'
import { plans } from '#shared/contracts/plans.ts'
import { runs } from '#shared/contracts/runs.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { isReady, testConfig } from '#tests/support/kubernetes.ts'
import { until } from '#tests/support/until.ts'
import { kubernetes, type Installed } from '../installation.ts'
import { knitIn, test as base } from '../installed.ts'
import { run as execute } from '../phase.ts'
import { outputOf } from '../work.ts'

const { core, objects } = kubernetes()

type Helm = (...words: string[]) => Promise<string>

const test = base.extend<{ helm: Helm }>({
  helm: async ({ there: { namespace } }, use) =>
    use((...words) => execute(['helm', ...words, '--namespace', namespace])),
})

/** The gateway keeps its port, whatever it speaks there. */
const samePort = ({ apiRoot }: Installed): string[] => [
  '--set',
  `gateway.service.nodePort=${new URL(apiRoot).port}`,
]

test('everything that must always hold holds after all that', async ({ knit }) => {
  await knit('admin', 'check')
})

test('with a certificate of a secret the gateway speaks https, and the command believes it by its profile', async ({
  there,
  folder,
  helm,
  signal,
}) => {
  const { namespace, token } = there
  const { cert, key } = certificateFor(new URL(there.apiRoot).hostname, folder)
  const name = 'gateway-certificate'
  await core.createNamespacedSecret({
    namespace,
    body: {
      metadata: { name },
      type: 'kubernetes.io/tls',
      stringData: { 'tls.crt': cert, 'tls.key': key },
    },
  })
  const upgradeTo = (tlsSecret: string) => {
    const changed = [...samePort(there), '--set', `gateway.tlsSecret=${tlsSecret}`]
    return helm('upgrade', 'knitfab', 'charts/knitfab', '--reuse-values', '--wait', ...changed)
  }
  await upgradeTo(name)
  const apiRoot = there.apiRoot.replace('http:', 'https:')
  const believing = await knitIn(folder, { apiRoot, token, ca: cert }, signal)
  expect(JSON.parse(await believing('data', 'find'))).not.toEqual([])
  const doubting = await knitIn(folder, { apiRoot, token }, signal)
  await expect(doubting('data', 'find')).rejects.toMatchObject({
    details: expect.arrayContaining([expect.stringContaining('certificate')]),
  })

  await upgradeTo('')
  const plain = await knitIn(folder, there, signal)
  expect(JSON.parse(await plain('data', 'find'))).not.toEqual([])
  await core.deleteNamespacedSecret({ namespace, name })
})

/** Signed by itself, for an address or a name. */
function certificateFor(host: string, folder: string): { cert: string; key: string } {
  const subject = `${/^[\d.]+$/.test(host) ? 'IP' : 'DNS'}:${host}`
  const file = join(folder, 'tls.key')
  const options = ['-x509', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
  const about = ['-days', '2', '-subj', '/CN=gateway', '-addext', `subjectAltName=${subject}`]
  const cert = execFileSync('openssl', ['req', ...options, ...about, '-keyout', file], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return { cert, key: readFileSync(file, 'utf8') }
}

test('when the release is uninstalled all data stays, and a new one in its place finds all of it, with the same token', async ({
  there,
  folder,
  api,
  knit,
  work,
  helm,
}) => {
  const { namespace } = there
  const runId = await work.start('echo kept > /out/text')
  const kept = await work.end(runId)
  const knitId = outputOf(kept)
  const before = await everything(api)
  const lineage = await knit('data', 'lineage', '-n', 'all', knitId)
  const values = join(folder, 'values.json')
  writeFileSync(values, await helm('get', 'values', 'knitfab', '--output', 'json'))

  await helm('uninstall', 'knitfab')
  await untilGone(namespace)
  const claims = await core.listNamespacedPersistentVolumeClaim({ namespace })
  const names = claims.items.map(({ metadata }) => metadata?.name)
  expect(names).toEqual(expect.arrayContaining(['data-postgres-0', volumeOf(knitId)]))
  const secrets = await core.listNamespacedSecret({ namespace })
  expect(secrets.items.map(({ metadata }) => metadata?.name)).toEqual(
    expect.arrayContaining(['knitfab-database', 'knitfab-signing-key', 'knitfab-token']),
  )

  const again = ['--values', values, ...samePort(there), '--wait', '--timeout', '5m']
  await helm('install', 'knitfab', 'charts/knitfab', ...again)
  await untilReady(namespace)
  expect(await everything(api)).toEqual(before)
  expect(await knit('data', 'lineage', '-n', 'all', knitId)).toBe(lineage)
  expect(await work.pull(knitId)).toEqual({ text: 'kept\n' })
  await knit('run', 'retry', runId)
  expect(await work.until(runId, ({ attempt }) => attempt === 2)).toBeDefined()
  expect(await work.end(runId)).toMatchObject({ status: 'done' })
})

const everything = async (api: KnitApi) =>
  Promise.all([api.call(runs.find, {}), api.call(data.find, {}), api.call(plans.find, {})])

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

const untilReady = (namespace: string) =>
  until(async () => (await ofKnative(namespace)).every(isReady))

/** Waits for what Helm does not: until nothing of the release is left but what is kept. */
async function untilGone(namespace: string): Promise<void> {
  const labelSelector = 'app.kubernetes.io/part-of=knit'
  const config = testConfig()
  const apps = config.makeApiClient(AppsV1Api)
  const rbac = config.makeApiClient(RbacAuthorizationV1Api)
  // They have nothing to lose, and Knative gives them minutes.
  const functions = `${labelSelector},knitfab.dev/kind=function`
  await until(async () => {
    await core.deleteCollectionNamespacedPod({
      namespace,
      labelSelector: functions,
      body: { gracePeriodSeconds: 0 },
    })
    const query = { namespace, labelSelector }
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
