import { CoreV1Api, KubernetesObjectApi } from '@kubernetes/client-node'
import { Misused } from '#shared/runtime/command-line.ts'
import type { Layout } from '#tests/support/account-rights.ts'
import { testConfig } from '#tests/support/kubernetes.ts'
import type { Images } from './cluster.ts'

/** The installation that all tests share: what `main.ts` has made. */
export type Installed = {
  namespace: string
  apiRoot: string
  token: string
  /** What it was installed with, as JSON. */
  values: string
  images: Images
  mayEnforcePolicies: boolean
  /** Whether its node is one of this machine, with processes that tests may stop. */
  ownNode: boolean
  /** Where Data is: a claim for each, or one for all. */
  layout: Layout
}

export const layouts: readonly Layout[] = ['per-data', 'shared']

/** Throws where there is none of that name. */
export function layoutNamed(name: string): Layout {
  const layout = layouts.find((one) => one === name)
  if (!layout) throw new Misused(`There is no layout ${name}: take ${layouts.join(' or ')}.`)
  return layout
}

export const installed = (): Installed => {
  const text = process.env['KNIT_TEST_INSTALLED']
  if (!text) throw new Error('There is no installation to test: npm run test:cluster makes one.')
  return JSON.parse(text) as Installed
}

/** What a server that `setup.ts` made has printed, line by line. */
export async function linesOf(service: string): Promise<string[]> {
  const { core } = kubernetes()
  const { namespace } = installed()
  const { items } = await core.listNamespacedPod({ namespace, labelSelector: `app=${service}` })
  const name = items[0]?.metadata?.name ?? ''
  const printed = await core.readNamespacedPodLog({ namespace, name })
  return printed.split('\n').filter(Boolean)
}

/** The API server, for tests that do or look for what is not ours. */
export const kubernetes = () => {
  const config = testConfig()
  return {
    core: config.makeApiClient(CoreV1Api),
    objects: KubernetesObjectApi.makeApiClient(config),
  }
}
