import { expect, test } from 'vitest'
import { measureRunCost, type RunCost } from '#tests/support/run-cost.ts'

/**
 * What a Run of a chain may cost at most, from its nomination to its end: a tenth above what it does, and a fifth for the log,
 * which also depends on where rows come to lie. Who makes it cheaper lowers the figure; who makes it dearer says in the commit
 * why that is worth it.
 */
const ceilings: [chains: string, times: number, atOnce: number, ceiling: RunCost][] = [
  ['one at a time', 10, 1, { statements: 93, events: 12.9, bytes: 18_300 }],
  ['fifty at a time', 1, 50, { statements: 54, events: 11.3, bytes: 18_300 }],
]

test.each(ceilings)(
  'a Run of chains %s costs no more statements, events and bytes of log than it may',
  async (_, times, atOnce, ceiling) => {
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
