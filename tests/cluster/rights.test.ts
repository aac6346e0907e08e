import { AppsV1Api, CoreV1Api, type V1PodSpec } from '@kubernetes/client-node'
import { expect, test } from 'vitest'
import { testConfig } from '#tests/support/kubernetes.ts'
import { functions } from './functions.ts'
import { installed } from './installation.ts'
import { allowedTo, expectedRights, wordsOf } from './rights.ts'

const { namespace } = installed()
const config = testConfig()
const core = config.makeApiClient(CoreV1Api)
const expected = expectedRights('per-data')

test.for([...expected.keys()])(
  '%s may do what its calls ask of the API server, and nothing else',
  async (account) => {
    expect(await allowedTo(namespace, account)).toEqual(wordsOf(expected.get(account)))
  },
)

test('there is no other account that may do anything', async () => {
  const { items } = await core.listNamespacedServiceAccount({ namespace })
  const names = items.flatMap(({ metadata }) => metadata?.name ?? [])
  expect(names.filter((name) => !expected.has(name))).toEqual(['default'])
  expect(await allowedTo(namespace, 'default')).toEqual(new Set())
})

const mountsToken = ({ automountServiceAccountToken, volumes = [] }: V1PodSpec): boolean =>
  automountServiceAccountToken !== false ||
  volumes.some(({ projected }) => projected?.sources?.some((one) => one.serviceAccountToken))

test('a function that asks nothing of the API server has no token for it', async () => {
  const apps = config.makeApiClient(AppsV1Api)
  const labelSelector = 'knitfab.dev/kind=function'
  const [deployments, pods] = await Promise.all([
    apps.listNamespacedDeployment({ namespace, labelSelector }),
    core.listNamespacedPod({ namespace, labelSelector }),
  ])
  const specs = [
    ...deployments.items.map(({ spec }) => spec?.template.spec),
    ...pods.items.map(({ spec }) => spec),
  ].filter((spec) => spec !== undefined)
  const withToken = new Set(specs.filter(mountsToken).map((spec) => spec.serviceAccountName))
  const askers = functions.filter(({ uses }) => uses.length > 0).map(({ service }) => service)
  expect(withToken).toEqual(new Set(askers))
  expect(new Set(specs.map((spec) => spec.serviceAccountName))).toEqual(
    new Set(functions.map(({ service }) => service)),
  )
})
