import type { KubernetesObject } from '@kubernetes/client-node'
import { expect } from 'vitest'
import { isDeployment } from '#shared/render/knative/deployed.ts'
import { functions, urlOf } from './functions.ts'
import { test } from './installed.ts'

type Served = KubernetesObject & { status?: { url?: string } }

test('to a function that Knative runs leads no address but that inside of the cluster', async ({
  cluster: { objects },
  there: { namespace },
}) => {
  const { items } = await objects.list<Served>('serving.knative.dev/v1', 'Service', namespace)
  const urls = items.map(({ metadata, status }) => [metadata?.name, status?.url])
  const ofKnative = functions.filter((fn) => !isDeployment(fn))
  expect(Object.fromEntries(urls)).toEqual(
    Object.fromEntries(ofKnative.map(({ service }) => [service, urlOf(service, namespace)])),
  )
})
