import { expect } from 'vitest'
import { admin } from '#shared/contracts/admin.ts'
import { asked } from '../asked.ts'
import { brokerParts, killBroker, scaleBroker } from './broker.ts'
import { test, untilEnded } from './fire.ts'
import type { Load } from './load.ts'
import { statusesOf } from './verdict.ts'

test('the Pods of the broker are killed again and again, with events inside, and no run is lost', async ({
  fire,
  node: _own,
  cluster: { core },
}) => {
  const loads: Load[] = []
  for (const part of [...brokerParts, ...brokerParts]) {
    const load = await fire.load(5)
    loads.push(load)
    await fire.strike(`${part} killed`, load, () => killBroker(core, part))
  }
  for (const load of loads) expect(statusesOf(await fire.expectOnce(load))).toEqual(['done'])
})

test('without a broker events wait and runs go on, and what has waited is told when it is back', async ({
  fire,
  node: _own,
  api,
  onTestFinished,
}) => {
  onTestFinished(() => scaleBroker(1))
  await scaleBroker(0)
  const load = await fire.load(5)
  await untilEnded(load, 5)
  const waiting = await asked(async () => {
    const events = await api.call(admin.events, {})
    return events.length > 0 ? events : undefined
  })
  console.log(`${waiting.length} events wait`)
  const since = performance.now()
  await scaleBroker(1)
  await asked(async () => (await api.call(admin.events, {})).length === 0 || undefined)
  fire.tell('no broker, until all events are told', (performance.now() - since) / 1000)
  expect(statusesOf(await fire.expectOnce(load))).toEqual(['done'])
})
