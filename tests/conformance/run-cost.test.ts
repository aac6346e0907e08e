import { expect, test } from 'vitest'
import { measureRunCost } from '#tests/support/run-cost.ts'
import { ceilings } from '#tests/support/run-cost-ceilings.ts'

test.each(ceilings)(
  'a Run of chains $chains costs no more statements, events and bytes of log than it may',
  async ({ times, atOnce, ceiling }) => {
    const cost = await measureRunCost(times, atOnce)
    const shown = Object.entries(cost).map(([name, count]) => `${count.toFixed(1)} ${name}`)
    for (const name of ['statements', 'events', 'bytes'] as const)
      expect(cost[name], `a Run costs ${shown.join(', ')}`).toBeLessThanOrEqual(ceiling[name])
  },
)

test('every status that a Run goes through is counted', async () => {
  const { statements, events, bytes } = await measureRunCost(1, 1)
  // Its nomination, then waiting, ready, starting, running, completing, done.
  expect(events).toBeGreaterThan(6)
  expect(statements).toBeGreaterThan(2 * events)
  expect(bytes).toBeGreaterThan(2000)
})
