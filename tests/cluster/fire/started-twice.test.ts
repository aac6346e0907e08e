import { BatchV1Api, type V1ContainerStateTerminated, type V1Pod } from '@kubernetes/client-node'
import { expect } from 'vitest'
import { containers } from '#shared/adapters/kubernetes-cluster/job.ts'
import { workerOf } from '#shared/domain/worker-spec.ts'
import { testConfig } from '#tests/support/kubernetes.ts'
import { asked } from '../asked.ts'
import { test } from './fire.ts'
import type { Load } from './load.ts'
import { attemptsOf, statusesOf } from './verdict.ts'

test('a Job that has two Pods publishes what one of them has written, and nothing of the other', async ({
  fire,
  there: { namespace },
  cluster: { core },
}) => {
  const load = await fire.load(5, { seconds: 10 })
  await core.createNamespacedPod({ namespace, body: await anotherPod(namespace, load, 'again') })
  expect(statusesOf(await fire.expectOnce(load))).toEqual(['done'])
})

test('a Pod that the Job knows no more, as of a node that was lost and is back, finds what another has written, and does not begin', async ({
  fire,
  there: { namespace },
  cluster: { core },
  onTestFinished,
}) => {
  const load = await fire.load(5, { seconds: 10 })
  const body = forgotten(await anotherPod(namespace, load, 'back'))
  await core.createNamespacedPod({ namespace, body })
  const name = body.metadata?.name ?? ''
  onTestFinished(
    async () => void (await core.deleteNamespacedPod({ namespace, name, gracePeriodSeconds: 0 })),
  )
  const checked = await asked(async () =>
    endOf(await core.readNamespacedPod({ namespace, name }), containers.check),
  )
  expect(checked).toMatchObject({ exitCode: 1, message: expect.stringContaining('is not empty') })
  const runs = await fire.expectOnce(load)
  expect(statusesOf(runs)).toEqual(['done'])
  expect(attemptsOf(runs)).toBe(load.size)
})

/** One more Pod of the Job of a run whose program runs. */
async function anotherPod(namespace: string, load: Load, mark: string): Promise<V1Pod> {
  const batch = testConfig().makeApiClient(BatchV1Api)
  const first = await asked(async () =>
    (await load.open()).find(({ status }) => status === 'running'),
  )
  const name = workerOf({ id: first.runId, attempt: first.attempt ?? 1 })
  const { metadata, spec } = await batch.readNamespacedJob({ namespace, name })
  const owner = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    name,
    uid: metadata?.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  }
  const labels = spec?.template.metadata?.labels ?? {}
  return {
    metadata: { name: `${name}-${mark}`, labels, ownerReferences: [owner] },
    spec: { ...spec?.template.spec, containers: spec?.template.spec?.containers ?? [] },
  }
}

/** Without what the controller of Jobs knows its Pods by: it would delete what is too many. */
function forgotten({ metadata, spec }: V1Pod): V1Pod {
  const ofJob = /^(batch\.kubernetes\.io\/.*|controller-uid|job-name)$/
  const labels = Object.entries(metadata?.labels ?? {}).filter(([label]) => !ofJob.test(label))
  return { metadata: { name: metadata?.name, labels: Object.fromEntries(labels) }, spec }
}

const endOf = ({ status }: V1Pod, container: string): V1ContainerStateTerminated | undefined =>
  status?.initContainerStatuses?.find(({ name }) => name === container)?.state?.terminated
