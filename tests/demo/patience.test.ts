import { expect, test } from 'vitest'
import { Patience } from './patience.ts'

test('patience ends when nothing changes, and grows with what does, up to a limit', () => {
  let now = 0
  const patience = new Patience(() => now)
  now = 30_000
  expect(patience.spent()).toBeUndefined()
  now += 1
  expect(patience.spent()).toBe(30)
  patience.renew()
  now += 45_000
  expect(patience.spent()).toBeUndefined()
  for (let changes = 0; changes < 10; changes += 1) patience.renew()
  now += 120_001
  expect(patience.spent()).toBe(120)
})
