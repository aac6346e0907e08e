import { expect } from 'vitest'
import { bad, keepAsking, reads } from './asking.ts'
import { test, untilRunning } from './fire.ts'
import { postgres } from './pods.ts'
import { statusesOf } from './verdict.ts'

test('PostgreSQL is killed three times during 25 runs: who asks meanwhile is told to come back, and each run is done once', async ({
  fire,
  pods,
  there,
}) => {
  const load = await fire.load(25)
  await untilRunning(load)
  const asker = keepAsking(there, reads)
  for (const time of ['once', 'twice', 'thrice']) {
    const before = await pods.list(postgres)
    await pods.kill(postgres)
    await pods.replaced(postgres, before)
    await fire.recovered(`PostgreSQL killed ${time}`, load)
  }
  expect(bad(await asker.stop())).toEqual([])
  expect(statusesOf(await fire.expectOnce(load))).toEqual(['done'])
})
