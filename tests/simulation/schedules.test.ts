import { expect, test } from 'vitest'
import { testServer } from '#tests/support/database.ts'
import { playSchedules } from './lanes.ts'

const minutes = 60_000

test(
  'whoever goes on at each step, and whatever fails, everything holds that must hold',
  { timeout: 5 * minutes },
  async () => {
    const seeds = Array.from({ length: 200 }, (_, index) => index + 1)
    const failed: string[] = []
    await playSchedules(testServer(), { seeds, lanes: 2 }, ({ seed, wrong }) => {
      if (wrong.length > 0)
        failed.push(`npm run simulate -- --schedules 1 --seed ${seed}`, ...wrong)
      return failed.length > 0
    })
    expect(failed).toEqual([])
  },
)
