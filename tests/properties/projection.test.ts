import { randomUUID } from 'node:crypto'
import * as fc from 'fast-check'
import { expect } from 'vitest'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { deliver, test } from '#tests/support/world.ts'
import matchData from '../../functions/steps/match-data/function.ts'
import projectRuns from '../../functions/steps/project-runs/function.ts'

test('however many match and project at the same time, each combination is made once', async ({
  ctx,
  database,
}) => {
  const shape = fc.record({
    sizes: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }),
    late: fc.nat(2),
    steps: fc.integer({ min: 2, max: 6 }),
  })
  await fc.assert(
    fc.asyncProperty(shape, async ({ sizes, late, steps }) => {
      await database.empty()
      const planId = await makePlan(ctx, {
        inputs: Object.fromEntries(sizes.map((_, index) => [`/in/${index}`, [`t:${index}`]])),
        outputs: { '/out': [] },
      })
      const push = (index: number) => makeData(ctx, `t:${index}`)
      for (const [index, size] of sizes.entries())
        for (let made = 0; made < size; made += 1) await push(index)
      const match = () => deliver(matchData, ctx, 'plan.registered', { planId: randomUUID() })
      const project = () => deliver(projectRuns, ctx, 'data.nominated', { planId })
      const work = Array.from({ length: steps }, async () => {
        await match()
        await project()
      })
      await Promise.all([...work, ...Array.from({ length: late }, () => push(0))])
      for (let due = true; due;) {
        await match()
        await project()
        const left =
          await ctx.sql`select from match_task union all select from nomination where due`
        due = left.length > 0
      }
      const [count] = await ctx.sql<{ runs: number; different: number; outputs: number }[]>`
        select count(*)::integer as runs,
               count(distinct combination)::integer as different,
               (select count(*)::integer from data where plan_id = ${planId}) as outputs
          from run
         where plan_id = ${planId}`
      const [first = 0, ...others] = sizes
      const product = others.reduce((total, size) => total * size, first + late)
      expect(count).toEqual({ runs: product, different: product, outputs: product })
    }),
    { numRuns: 25 },
  )
})
