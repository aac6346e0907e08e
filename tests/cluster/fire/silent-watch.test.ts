import { expect } from 'vitest'
import { takeRole } from '../take-role.ts'
import { test, untilRunning } from './fire.ts'
import { statusesOf } from './verdict.ts'

test('when nobody watches Jobs and Pods any more the ends of programs are noticed all the same', async ({
  fire,
  pods,
  there: { namespace },
  cluster,
  onTestFinished,
}) => {
  const selector = 'eventing.knative.dev/sourceName=workers'
  const giveBack = await takeRole(cluster, { namespace, name: 'worker-events' })
  onTestFinished(async () => {
    await giveBack()
    await pods.kill(selector)
  })
  expect(await pods.kill(selector)).toBeGreaterThan(0)
  const load = await fire.load(5)
  await untilRunning(load)
  await fire.recovered('nobody watches', load)
  expect(statusesOf(await fire.expectOnce(load))).toEqual(['done'])
})
