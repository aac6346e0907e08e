import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { answer, refusal, test } from '#tests/support/api.ts'
import { makePlan } from '#tests/support/makers.ts'
import { makeRun, makeSimplePlan } from '#tests/support/runs.ts'
import usage from './function.ts'

const at = (planId: string) => `/api/plans/${planId}/usage`

test('of a plan all that its runs have written counts, as far as it is known', async ({ ctx }) => {
  const plan = await makeSimplePlan(ctx)
  const [first, second] = [
    await makeRun(ctx, { ...plan, status: 'done' }),
    await makeRun(ctx, { ...plan, status: 'running' }),
  ]
  const sizes = [
    [first.outputs[0], 3_000_000_000, 2],
    [first.outputs[2], 5, 1],
    [second.outputs[1], 7, 1],
  ] as const
  for (const [knitId = '', bytes, files] of sizes)
    await ctx.sql`
      update data set bytes = ${bytes}, files = ${files}, digest = 'd' where id = ${knitId}`
  // What others have written does not.
  await makeRun(ctx, { status: 'done' })
  expect(await answer(usage, ctx, at(plan.planId), { role: 'viewer' })).toEqual({
    planId: plan.planId,
    runs: 2,
    data: 6,
    files: 4,
    bytes: 3_000_000_012,
  })
})

test('a plan without runs takes no room', async ({ ctx }) => {
  const planId = await makePlan(ctx, { inputs: { '/in': ['never:used'] } })
  const nothing = { planId, runs: 0, data: 0, files: 0, bytes: 0 }
  expect(await answer(usage, ctx, at(planId))).toEqual(nothing)
})

test('what runs have deleted takes no room', async ({ ctx }) => {
  const { planId, runId } = await makeRun(ctx, { status: 'failed' })
  await ctx.sql`delete from data where run_id = ${runId}`
  expect(await answer(usage, ctx, at(planId))).toMatchObject({ runs: 1, data: 0, bytes: 0 })
})

test.for([randomUUID(), 'nonsense'])('the id %s is 404', async (id, { ctx }) => {
  await refusal(usage, ctx, at(id), 'plan-not-found')
})
