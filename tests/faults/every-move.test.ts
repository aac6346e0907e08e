import { expect } from 'vitest'
import { runMoves } from '#shared/domain/run-states.ts'
import type { World } from '#shared/runtime/context.ts'
import { call } from '#tests/support/functions.ts'
import { test } from '#tests/support/world.ts'
import push from '../../functions/api/data-push/function.ts'
import { failAt } from './arrange.ts'
import { justDone } from './disturb.ts'
import { routeScenarios } from './route-scenarios.ts'
import type { Scenario } from './scenario.ts'
import { stepScenarios } from './step-scenarios.ts'

const failedPush: Scenario = {
  of: 'an upload that breaks off',
  async arrange(world) {
    failAt(world, 'receive', new Error('as asked'))
    const headers = { 'content-type': 'application/tar+gzip' }
    return (world: World) => call(push, world, '/api/data', { body: 'an archive', headers })
  },
}

/** Routes that move runs by themselves; by any other it is the user who does. */
const handlers = new Map([
  ['data.push', 'data-push'],
  ['imports.end', 'imports-end'],
])

/** Whoever makes moves, with all that there is for them to do. */
const everybody: [string, Scenario[]][] = [
  ...Object.entries(stepScenarios),
  ...Object.entries(routeScenarios).map(
    ([name, scenarios]) => [handlers.get(name) ?? 'user', scenarios] as [string, Scenario[]],
  ),
  ['data-push', [failedPush]],
]

test(
  'every move of the state table is made by everybody it names, and by nobody besides',
  { timeout: 120_000 },
  async ({ database }) => {
    const made = new Set<string>()
    for (const [who, scenarios] of everybody)
      for (const scenario of scenarios) {
        await justDone(database, scenario, async (work) => {
          const [before] = await database.sql<{ last: string }[]>`
            select coalesce(max(id), 0) as last from run_history`
          const answer = await work()
          const moves = await database.sql<{ from: string; to: string }[]>`
            select distinct from_status as from, status as to
              from run_history
             where id > ${before?.last ?? 0}
               and from_status <> status`
          for (const { from, to } of moves) made.add(`${from} -> ${to} by ${who}`)
          return answer
        })
      }
    const legal = runMoves().flatMap(([from, to, whos]) =>
      whos.map((who) => `${from} -> ${to} by ${who}`),
    )
    expect([...made].toSorted()).toEqual(legal.toSorted())
  },
)
