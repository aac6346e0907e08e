import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { PlanDetail } from '#shared/domain/plan.ts'
import { answer, refusal, test } from '#tests/support/api.ts'
import { makePlan } from '#tests/support/makers.ts'
import unsetAccount from './function.ts'

const at = (planId: string) => `/api/plans/${planId}/serviceaccount`

test('the account is taken away, also when there is none', async ({ ctx }) => {
  const mounts = { inputs: { '/in': ['a:1'] } }
  const planId = await makePlan(ctx, mounts, { service_account: 'trainer' })
  for (let times = 0; times < 2; times += 1) {
    const { service_account } = await answer<PlanDetail>(unsetAccount, ctx, at(planId))
    expect(service_account).toBeUndefined()
  }
})

test('an unknown plan and a malformed id are 404', async ({ ctx }) => {
  for (const planId of [randomUUID(), 'x'])
    await refusal(unsetAccount, ctx, at(planId), 'plan-not-found')
})
