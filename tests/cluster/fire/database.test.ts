import { expect } from 'vitest'
import { expectServed, reads } from './asking.ts'
import { test, untilRunning } from './fire.ts'
import type { Load } from './load.ts'
import { postgres } from './pods.ts'
import { statusesOf } from './verdict.ts'

test('PostgreSQL is killed three times while runs are on their way: who asks meanwhile is told to come back, and each run is done once', async ({
  fire,
  pods,
}) => {
  const asker = fire.ask(reads)
  const loads: Load[] = []
  for (const size of [25, 5, 5] as const) {
    const load = await fire.load(size)
    loads.push(load)
    await untilRunning(load)
    const before = await pods.list(postgres)
    await fire.strike('PostgreSQL killed', load, async () => {
      expect(await pods.kill(postgres)).toBe(1)
      await pods.replaced(postgres, before)
    })
  }
  expectServed(await asker.stop())
  for (const load of loads) expect(statusesOf(await fire.expectOnce(load))).toEqual(['done'])
})
