import { expect } from 'vitest'
import type { PlanDetail } from '#shared/domain/plan.ts'
import { testActivity } from '#tests/support/activity.ts'
import { answer, refusal, test } from '#tests/support/api.ts'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { deliver, type TestWorld } from '#tests/support/world.ts'
import matchData from '../../steps/match-data/function.ts'
import activate from './function.ts'

testActivity(activate, true)

/** A paused plan that three data fit. */
async function pausedPlan(ctx: TestWorld): Promise<string> {
  const planId = await makePlan(ctx, { inputs: { '/in': ['allow:1'] } })
  for (let made = 0; made < 3; made += 1) await makeData(ctx, 'allow:1')
  await deliver(matchData, ctx, 'plan.registered', { planId })
  await ctx.sql`update plan set would_create = 2 where id = ${planId}`
  return planId
}

test('a paused plan goes on with as many runs as are allowed, or says how many it needs', async ({
  ctx,
}) => {
  const planId = await pausedPlan(ctx)
  const path = `/api/plans/${planId}/active`
  expect(await answer<PlanDetail>(activate, ctx, path)).toMatchObject({
    active: true,
    paused: { wouldCreate: 2, message: expect.stringContaining('up to 2 runs') },
  })
  expect(await answer<PlanDetail>(activate, ctx, `${path}?allow=2`)).toMatchObject({
    paused: { wouldCreate: 3, message: expect.stringContaining('up to 3 runs') },
  })
  expect(await answer<PlanDetail>(activate, ctx, `${path}?allow=3`)).not.toHaveProperty('paused')
  for (const allow of ['0', '-1', 'many', '1e400'])
    expect(await refusal(activate, ctx, `${path}?allow=${allow}`, 'bad-request')).toMatch(/allow/)
})

test('a plan that is not paused is activated, and gets no leave for later', async ({ ctx }) => {
  const planId = await makePlan(ctx, { inputs: { '/in': ['allow:1'] } }, { active: false })
  const path = `/api/plans/${planId}/active?allow=1000`
  expect(await answer<PlanDetail>(activate, ctx, path)).toMatchObject({ active: true })
  expect(await ctx.sql`select allowed from plan where id = ${planId}`).toEqual([{ allowed: null }])
})
