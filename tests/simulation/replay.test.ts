import { expect } from 'vitest'
import type { TestServer } from '#tests/support/global-postgres.ts'
import type { Habits } from './habits.ts'
import { playSchedules } from './lanes.ts'
import { test } from './quiet-server.ts'

/** So much that tables have more than a page, and that several connections write to them. */
const busy: Partial<Habits> = { wishes: 20, crowd: 10, haste: 0.6, held: 0 }

/** What becomes of these schedules, played one after the other by one process: the digest is that of every step. */
async function playInOrder(server: TestServer, seeds: number[]): Promise<string[]> {
  const played: string[] = []
  const wish = { seeds, lanes: 1, circumstances: { habits: busy } }
  await playSchedules(server, wish, ({ seed, trace, digest, wrong }) => {
    played.push(`seed ${seed}: ${trace.length} steps, ${digest}, ${trace.at(-1)}`, ...wrong)
    return false
  })
  return played.toSorted()
}

test(
  'a schedule is the same alone as after others, down to where rows lie',
  { timeout: 120_000 },
  async ({ server }) => {
    expect(await playInOrder(server, [3, 1])).toEqual(await playInOrder(server, [1, 3]))
  },
)
