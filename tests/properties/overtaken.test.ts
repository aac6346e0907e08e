import { randomUUID } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import * as fc from 'fast-check'
import { expect } from 'vitest'
import { changeTags } from '#shared/database/data.ts'
import type { Sql } from '#shared/database/sql.ts'
import type { Gate } from '#tests/support/gate/gate.ts'
import { gatedSql } from '#tests/support/gate/gated-sql.ts'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { deliver, test, type TestWorld } from '#tests/support/world.ts'
import matchData from '../../functions/steps/match-data/function.ts'
import projectRuns from '../../functions/steps/project-runs/function.ts'

const by = { actor: 'test' }

/** Lets so many calls of some work pass, and keeps it at the next one until it is let go. */
function standingStill(calls: number): { gate: Gate; stands: Promise<void>; letGo(): void } {
  const stands = Promise.withResolvers<void>()
  const goesOn = Promise.withResolvers<void>()
  let left = calls
  const gate: Gate = async (_call, make) => {
    left -= 1
    if (left < 0) {
      stands.resolve()
      await goesOn.promise
    }
    return make()
  }
  return { gate, stands: stands.promise, letGo: goesOn.resolve }
}

/** Until some work is done, or waits for what others hold. */
async function doneOrHeld(sql: Sql, work: Promise<unknown>): Promise<void> {
  const done = work.then(() => true)
  while (!(await Promise.race([done, turn(false)]))) {
    const held = await sql`
      select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
    if (held.length > 0) return
  }
}

const match = (ctx: TestWorld) =>
  deliver(matchData, ctx, 'plan.registered', { planId: randomUUID() })

/** What people do to the data of one input, or of the other: mostly to those that the projection knows, or has not seen. */
const action = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ what: 'retag', key: 'b' }) },
  { weight: 3, arbitrary: fc.constant({ what: 'push', key: 'a' }) },
  { weight: 1, arbitrary: fc.constant({ what: 'retag', key: 'a' }) },
  { weight: 1, arbitrary: fc.constant({ what: 'push', key: 'b' }) },
)

test('wherever a projection stands still while data come, lose their tags and have them back, and others project, no combination is left out', async ({
  ctx,
  database,
}) => {
  const shape = fc.record({
    calls: fc.integer({ min: 2, max: 6 }),
    actions: fc.array(action, { minLength: 3, maxLength: 5 }),
  })
  await fc.assert(
    fc.asyncProperty(shape, async ({ calls, actions }) => {
      await database.empty()
      const planId = await makePlan(ctx, { inputs: { '/a': ['k:a'], '/b': ['k:b'] } })
      const project = (world: TestWorld) =>
        deliver(projectRuns, world, 'data.nominated', { planId })
      const first = await makeData(ctx, 'k:b')
      await match(ctx)
      const { gate, stands, letGo } = standingStill(calls)
      const slow = project({ ...ctx, sql: gatedSql(ctx.sql, gate) })
      await Promise.race([stands, slow])

      const carried = new Map([[first, 'b']])
      const fitting = new Set([first])
      const retag = async (knitId: string, key: string): Promise<void> => {
        const tags = [{ key: 'k', value: key }]
        const change = fitting.delete(knitId) ? { remove: tags } : { add: tags }
        if ('add' in change) fitting.add(knitId)
        await changeTags(ctx.sql, knitId, change, 100, by)
      }
      const begun: Promise<unknown>[] = [slow]
      let before: Promise<unknown> = Promise.resolve()
      for (const { what, key } of actions) {
        const [known] = [...carried].flatMap(([knitId, own]) => (own === key ? [knitId] : []))
        const act = async (): Promise<void> => {
          if (what === 'retag' && known !== undefined) await retag(known, key)
          else {
            const knitId = await makeData(ctx, `k:${key}`)
            carried.set(knitId, key)
            fitting.add(knitId)
          }
          await match(ctx)
          await project(ctx)
        }
        before = before.then(act)
        begun.push(before)
        await doneOrHeld(ctx.sql, before)
      }
      letGo()
      await Promise.all(begun)
      for (let due = true; due;) {
        await match(ctx)
        await project(ctx)
        const left =
          await ctx.sql`select from match_task union all select from nomination where due`
        due = left.length > 0
      }
      const made = await ctx.sql<{ data: string[] }[]>`
        select array_agg(knit_id::text) as data from assign where plan_id = ${planId} group by run_id`
      const missing = [...fitting].flatMap((a) =>
        [...fitting].filter(
          (b) =>
            carried.get(a) === 'a' &&
            carried.get(b) === 'b' &&
            !made.some(({ data }) => data.includes(a) && data.includes(b)),
        ),
      )
      expect(missing).toEqual([])
    }),
    { numRuns: 120 },
  )
})
