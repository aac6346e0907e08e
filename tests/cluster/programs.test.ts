import { describe, expect } from 'vitest'
import { selectorOf } from '#shared/adapters/kubernetes-cluster/labels.ts'
import { killPod, podsIn } from './fire/pods.ts'
import { test } from './installed.ts'
import { isRunning } from './work.ts'

describe.concurrent('a program', () => {
  test('that takes more memory than its plan allows fails, and says that', async ({ work }) => {
    // containerd may miss what for a container was killed that has only begun (containerd issue 8180).
    const run = await work.end(await work.start('sleep 1; tail /dev/zero'))
    expect(run).toMatchObject({
      status: 'failed',
      attempt: 1,
      reason: expect.stringMatching(/OOMKilled/),
    })
  })

  // The first process of a container cannot kill itself.
  test('that ends as one that was killed fails with 137, and is not executed again', async ({
    work,
  }) => {
    const run = await work.end(await work.start('sleep 1000 & kill -9 $!; wait $!'))
    expect(run).toMatchObject({ status: 'failed', attempt: 1, exit: { code: 137 } })
  })

  test('whose Pod is deleted by somebody is executed once more', async ({
    work,
    there: { namespace },
  }) => {
    const runId = await work.start('cat /etc/hostname >> /out/text; sleep 15')
    await work.until(runId, isRunning)
    const [pod] = await podsIn(namespace).list(selectorOf('worker', { run: runId }))
    await killPod(namespace, pod?.metadata?.name ?? '')
    const run = await work.end(runId)
    expect(run).toMatchObject({ status: 'done', attempt: 2, attempts: [{ cause: 'machine' }, {}] })
  })
})
