import { expect, test } from 'vitest'
import { testServer } from '#tests/support/database.ts'
import type { Habits } from './habits.ts'
import { playSchedules } from './lanes.ts'

/** What holds throughout these schedules, and all ends as it must nevertheless. */
const circumstances: Record<string, Partial<Habits>> = {
  'every event is lost, and sweeps alone bring everything to its end': { lost: 1 },
  'the broker is down, users are answered all the same, and nothing is lost when it is back': {
    badBroker: 1,
  },
  'every event comes twice, late and in any order': { doubled: 1, deliveries: 0.2, jumps: 0.1 },
  'hooks are asked and told of every move in its order, though they fail': {
    hooks: 1,
    badHooks: 0.2,
  },
  'programs are begun once more by another worker, and of two that write one is published': {
    twins: 0.3,
    held: 0,
  },
  'the cluster is down, users are answered all the same, and runs are done when it is back': {
    badCluster: 1,
  },
  'ten sweeps and relays at a time start no program twice': { crowd: 30, sweeps: 3, wakes: 0.1 },
}

test.for(Object.entries(circumstances))('%s', { timeout: 120_000 }, async ([, habits]) => {
  const failed: string[] = []
  const wish = { seeds: [1, 2, 3, 4], lanes: 1, circumstances: { habits } }
  await playSchedules(testServer(), wish, ({ seed, wrong }) => {
    failed.push(...wrong.map((line) => `seed ${seed}: ${line}`))
    return false
  })
  expect(failed).toEqual([])
})
