import { setTimeout as lasting } from 'node:timers/promises'
import { expect } from 'vitest'
import { plans } from '#shared/contracts/plans.ts'
import { expectServed, reads } from './asking.ts'
import { test, untilRunning } from './fire.ts'
import { untilNode } from './node.ts'
import { statusesOf } from './verdict.ts'

test('the API server of Kubernetes stands still for a minute: people read and register, and each run is done once', async ({
  fire,
  node,
  api,
  onTestFinished,
}) => {
  onTestFinished(() => node.thaw('kube-apiserver'))
  const load = await fire.load(25)
  await untilRunning(load)
  const asker = fire.ask(reads)
  await node.freeze('kube-apiserver')
  const other = await fire.load(5)
  expect(await api.call(plans.find, {})).toContainEqual(
    expect.objectContaining({ planId: other.planId }),
  )
  // That is the fault.
  await lasting(60_000)
  // Who has not heard of a node for a minute may take it for lost for a moment, with all that answers there.
  expectServed(await asker.stop())
  const since = performance.now()
  await node.thaw('kube-apiserver')
  await fire.recovered('the API server frozen for a minute', load, since)
  for (const each of [load, other])
    expect(statusesOf(await fire.expectOnce(each))).toEqual(['done'])
})

test('the API server of Kubernetes is killed and started again, and each run is done once', async ({
  fire,
  node,
  onTestFinished,
}) => {
  onTestFinished(() => node.start())
  const load = await fire.load(25)
  await untilRunning(load)
  await fire.strike('the API server killed', load, async () => {
    await node.kill('kube-apiserver')
    await node.start()
  })
  expect(statusesOf(await fire.expectOnce(load))).toEqual(['done'])
})

test('the kubelet is killed until its node is said to be lost, and started again: each run is done once', async ({
  fire,
  node,
  onTestFinished,
}) => {
  onTestFinished(() => node.start())
  const load = await fire.load(25, { seconds: 10 })
  await untilRunning(load)
  await node.kill('kubelet')
  await untilNode(node, false)
  const since = performance.now()
  await node.start()
  await untilNode(node, true)
  await fire.recovered('the kubelet away until the node was lost', load, since)
  expect(statusesOf(await fire.expectOnce(load))).toEqual(['done'])
})
