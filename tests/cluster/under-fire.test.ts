import { expect } from 'vitest'
import { plans } from '#shared/contracts/plans.ts'
import { runs } from '#shared/contracts/runs.ts'
import { asked } from './asked.ts'
import { brokerParts, killBroker } from './fire/broker.ts'
import { test as base, untilRunning } from './fire/fire.ts'
import { functionNamed, postgres } from './fire/pods.ts'
import { statusesOf } from './fire/verdict.ts'

// One fault of each kind, with few runs; `fire/` has all of them, with many. What nobody was told of is looked for soon.
const test = base.extend<{ $file: { lookInterval: number } }>({
  lookInterval: [async ({}, use) => use(10), { scope: 'file' }],
})

test('functions whose Pods are killed while runs need them come back, and no run notices', async ({
  fire,
  pods,
}) => {
  const load = await fire.load(5)
  const since = performance.now()
  const kill = async (service: string) => {
    const before = await pods.list(functionNamed(service))
    expect(await pods.kill(functionNamed(service))).toBeGreaterThan(0)
    await pods.replaced(functionNamed(service), before)
    fire.tell(`${service} killed`, (performance.now() - since) / 1000)
  }
  await Promise.all(
    ['gateway', 'step-start-run', 'step-observe-worker', 'step-finish-run'].map(kill),
  )
  expect(statusesOf(await fire.expectOnce(load))).toEqual(['done'])
})

test('a broker that is killed with events inside loses no run', async ({
  fire,
  node: _own,
  cluster: { core },
}) => {
  const load = await fire.load(5)
  await fire.strike('the broker killed', load, async () => {
    for (const part of brokerParts) await killBroker(core, part)
  })
  expect(statusesOf(await fire.expectOnce(load))).toEqual(['done'])
})

test('PostgreSQL that is killed loses nothing that was acknowledged', async ({
  fire,
  pods,
  api,
}) => {
  const load = await fire.load(5)
  const before = await pods.list(postgres)
  await fire.strike('PostgreSQL killed', load, async () => {
    expect(await pods.kill(postgres)).toBe(1)
    await pods.replaced(postgres, before)
  })
  expect(await api.call(plans.show, { planId: load.planId })).toMatchObject({
    planId: load.planId,
  })
  expect(statusesOf(await fire.expectOnce(load))).toEqual(['done'])
})

test('while the API server of Kubernetes stands still people read and register, and runs wait and say why', async ({
  fire,
  node,
  api,
  knit,
}) => {
  const load = await fire.load(5, { seconds: 5 })
  await untilRunning(load)
  await node.freeze('kube-apiserver')
  try {
    const other = await fire.load(5)
    const waiting = await asked(async () => {
      const all = await api.call(runs.find, { plan: other.planId })
      return all.find(({ reason }) => reason?.includes('API server'))
    })
    expect(await knit('run', 'show', '--output', 'table', waiting.runId)).toContain('API server')
    const since = performance.now()
    await node.thaw('kube-apiserver')
    await fire.recovered('the API server frozen', other, since)
    expect(statusesOf(await fire.expectOnce(other))).toEqual(['done'])
  } finally {
    await node.thaw('kube-apiserver')
  }
  expect(statusesOf(await fire.expectOnce(load))).toEqual(['done'])
})
