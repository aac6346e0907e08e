import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { PlanDetail } from '#shared/domain/plan.ts'
import { answer, refusal, test } from '#tests/support/api.ts'
import { makePlan } from '#tests/support/makers.ts'
import { makeRun } from '#tests/support/runs.ts'
import { deliver, type TestWorld } from '#tests/support/world.ts'
import startRun from '../../steps/start-run/function.ts'
import setAccount from './function.ts'

const at = (planId: string) => `/api/plans/${planId}/serviceaccount`
const newPlan = (ctx: TestWorld) => makePlan(ctx, { inputs: { '/in': ['a:1'] } })

/** The service account of a plan after it was set. */
async function set(ctx: TestWorld, planId: string, body: unknown) {
  return (await answer<PlanDetail>(setAccount, ctx, at(planId), { body })).service_account
}

test('the account is that which was set last', async ({ ctx }) => {
  const planId = await newPlan(ctx)
  for (const name of ['trainer', 'another.one-2'])
    expect(await set(ctx, planId, { service_account: name })).toBe(name)
})

test.for(['', 'null', {}, { service_account: '' }, { service_account: null }] as (
  string | object
)[])('%j says that there is none', async (body, { ctx }) => {
  const planId = await newPlan(ctx)
  await set(ctx, planId, { service_account: 'trainer' })
  expect(await set(ctx, planId, body)).toBeUndefined()
})

test.for(['No Such!', 'x'.repeat(64), '-a', 'a/b', 'a\0'])(
  '%j is no name of an account, and nothing is changed',
  async (name, { ctx }) => {
    const planId = await newPlan(ctx)
    const body = { service_account: name }
    await refusal(setAccount, ctx, at(planId), 'bad-request', { body })
    const [plan] = await ctx.sql`select service_account from plan where id = ${planId}`
    expect(plan).toEqual({ service_account: null })
  },
)

test('a worker that is made after it was set has the account', async ({ ctx }) => {
  const { runId, planId, worker } = await makeRun(ctx, { status: 'ready' })
  await set(ctx, planId, { service_account: 'trainer' })
  await deliver(startRun, ctx, 'run.ready', { runId, attempt: 1 })
  expect(ctx.cluster.workers.get(worker)?.spec).toMatchObject({ serviceAccount: 'trainer' })
})

test('a built-in plan can be given one; an unknown one and a malformed id are 404', async ({
  ctx,
}) => {
  const [plan] = await ctx.sql<{ id: string }[]>`select id from plan where name = 'knit#uploaded'`
  expect(await set(ctx, plan?.id ?? '', { service_account: 'a' })).toBe('a')
  for (const planId of [randomUUID(), 'x'])
    await refusal(setAccount, ctx, at(planId), 'plan-not-found', { body: {} })
})
