import { expect } from 'vitest'
import { killPod } from './pods.ts'
import { test } from './fire.ts'
import { isRunning } from '../work.ts'
import { selectorOf } from '#shared/adapters/kubernetes-cluster/labels.ts'

test('a program that takes more memory than its plan allows fails, and says that', async ({
  work,
}) => {
  const runId = await work.start('tail /dev/zero')
  const run = await work.end(runId)
  expect(run).toMatchObject({
    status: 'failed',
    attempt: 1,
    reason: expect.stringMatching(/OOM|memory/),
  })
})

// The first process of a container cannot kill itself.
test('a program that ends as one that was killed fails with 137, and is not executed again', async ({
  work,
}) => {
  const run = await work.end(await work.start('sleep 1000 & kill -9 $!; wait $!'))
  expect(run).toMatchObject({ status: 'failed', attempt: 1, exit: { code: 137 } })
})

test('a program whose Pod is deleted by somebody is executed once more', async ({
  work,
  there: { namespace },
  pods,
}) => {
  const runId = await work.start('cat /etc/hostname >> /out/text; sleep 15')
  await work.until(runId, isRunning)
  const [pod] = await pods.list(selectorOf('worker', { run: runId }))
  await killPod(namespace, pod?.metadata?.name ?? '')
  const run = await work.end(runId)
  expect(run).toMatchObject({ status: 'done', attempt: 2, attempts: [{ cause: 'machine' }, {}] })
})
