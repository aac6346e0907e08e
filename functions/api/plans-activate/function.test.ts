import { expect } from 'vitest'
import type { PlanDetail } from '#shared/domain/plan.ts'
import { testActivity } from '#tests/support/activity.ts'
import { answer, refusal, test } from '#tests/support/api.ts'
import { makePlan } from '#tests/support/makers.ts'
import activate from './function.ts'

testActivity(activate, true)

test('a paused plan goes on with as many runs as are allowed', async ({ ctx }) => {
  const planId = await makePlan(ctx, { inputs: { '/in': ['allow:1'] } })
  await ctx.sql`update plan set would_create = 1234567 where id = ${planId}`
  const path = `/api/plans/${planId}/active`
  expect(await answer<PlanDetail>(activate, ctx, path)).toMatchObject({
    active: true,
    paused: { wouldCreate: 1_234_567, message: expect.stringContaining('1234567 runs') },
  })
  expect(await answer<PlanDetail>(activate, ctx, `${path}?allow=2000000`)).not.toHaveProperty(
    'paused',
  )
  for (const allow of ['0', '-1', 'many', '1e400'])
    expect(await refusal(activate, ctx, `${path}?allow=${allow}`, 'bad-request')).toMatch(/allow/)
})
