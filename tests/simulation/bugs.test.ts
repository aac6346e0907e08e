import { expect } from 'vitest'
import { bugs, type Bug, type BugName } from './bugs.ts'
import { playOne, playSchedules, type Server } from './lanes.ts'
import { test } from './quiet-server.ts'
import type { Result } from './simulation.ts'

const most = 50

/** The first schedule in which a bug shows. */
async function findFirst(server: Server, bug: BugName): Promise<Result> {
  const { from = 1 }: Bug = bugs[bug]
  const seeds = Array.from({ length: most }, (_, index) => from + index)
  let found: Result | undefined
  await playSchedules(server, { seeds, lanes: 1, bug }, (result) => {
    if (result.wrong.length > 0) found = result
    return found !== undefined
  })
  if (!found) throw new Error(`in ${most} schedules nobody notices that ${bug}`)
  return found
}

test.for(Object.keys(bugs) as BugName[])(
  'an engine is found out in which %s, and the schedule that shows it does so again, step by step',
  { timeout: 120_000 },
  async (bug, { server }) => {
    const first = await findFirst(server, bug)
    expect(first.wrong.join('\n')).toMatch(bugs[bug].shows)
    expect(await playOne(server, first.seed, { bug })).toEqual(first)
  },
)
