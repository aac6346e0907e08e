import { BatchV1Api } from '@kubernetes/client-node'
import { expect } from 'vitest'
import { workerOf } from '#shared/domain/worker-spec.ts'
import { testConfig } from '#tests/support/kubernetes.ts'
import { asked } from '../asked.ts'
import { test } from './fire.ts'
import { statusesOf } from './verdict.ts'

test('a Job that has two Pods publishes what one of them has written, and nothing of the other', async ({
  fire,
  there: { namespace },
  cluster: { core },
}) => {
  const load = await fire.load(5, { seconds: 10 })
  const batch = testConfig().makeApiClient(BatchV1Api)
  const [first] = await asked(async () => {
    const running = (await load.open()).filter(({ status }) => status === 'running')
    return running.length > 0 ? running : undefined
  })
  const name = workerOf({ id: first?.runId ?? '', attempt: first?.attempt ?? 1 })
  const { metadata, spec } = await batch.readNamespacedJob({ namespace, name })
  const owner = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    name,
    uid: metadata?.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  }
  const second = `${name}-again`
  const labels = spec?.template.metadata?.labels
  await core.createNamespacedPod({
    namespace,
    body: {
      metadata: { name: second, labels, ownerReferences: [owner] },
      spec: { ...spec?.template.spec, containers: spec?.template.spec?.containers ?? [] },
    },
  })
  const runs = await fire.expectOnce(load)
  expect(statusesOf(runs)).toEqual(['done'])
})
