import { expect } from 'vitest'
import { takeRole } from '../take-role.ts'
import { test, untilRunning } from './fire.ts'
import { statusesOf } from './verdict.ts'

const watcher = 'eventing.knative.dev/sourceName=workers'

test('when nobody watches Jobs and Pods any more the ends of programs are noticed all the same', async ({
  fire,
  pods,
  there: { namespace },
  cluster,
  onTestFinished,
}) => {
  const giveBack = await takeRole(cluster, { namespace, name: 'worker-events' })
  onTestFinished(async () => {
    const before = await pods.list(watcher)
    await giveBack()
    await pods.kill(watcher)
    await pods.replaced(watcher, before)
  })
  expect(await pods.kill(watcher)).toBeGreaterThan(0)
  const load = await fire.load(5)
  await untilRunning(load)
  await fire.recovered('nobody watches', load)
  expect(statusesOf(await fire.expectOnce(load))).toEqual(['done'])
})
