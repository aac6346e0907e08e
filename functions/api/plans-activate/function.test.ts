import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { PlanDetail } from '#shared/domain/plan.ts'
import { answer, refusal, test } from '#tests/support/api.ts'
import { makePlan } from '#tests/support/makers.ts'
import { historyOf, makeRun, makeSimplePlan } from '#tests/support/runs.ts'
import type { TestWorld } from '#tests/support/world.ts'
import activate from './function.ts'

const at = (planId: string) => `/api/plans/${planId}/active`

const runOf = async ({ sql }: TestWorld, runId: string) => {
  const [run] = await sql<{ status: string; updatedAt: Date }[]>`
    select status, updated_at as "updatedAt" from run where id = ${runId}`
  return run
}

test('a plan is activated and is shown so, again and again', async ({ ctx }) => {
  const planId = await makePlan(ctx, { inputs: { '/in': ['x:1'] } }, { active: false })
  for (let times = 0; times < 2; times += 1) {
    const shown = await answer<PlanDetail>(activate, ctx, at(planId))
    expect(shown).toMatchObject({ planId, active: true })
  }
  expect(await answer(activate, ctx, `${at(planId)}/`)).toMatchObject({ active: true })
})

test('its deactivated runs are waiting now, at the time they had, and it is told once per plan', async ({
  ctx,
}) => {
  const plan = await makeSimplePlan(ctx)
  const held = [
    await makeRun(ctx, { ...plan, status: 'deactivated' }),
    await makeRun(ctx, { ...plan, status: 'deactivated' }),
  ]
  const before = await Promise.all(held.map(({ runId }) => runOf(ctx, runId)))
  await ctx.sql`update plan set active = false where id = ${plan.planId}`
  await answer(activate, ctx, at(plan.planId))
  const after = await Promise.all(held.map(({ runId }) => runOf(ctx, runId)))
  expect(after).toEqual(before.map((run) => ({ ...run, status: 'waiting' })))
  for (const { runId } of held) expect((await historyOf(ctx, runId)).at(-1)).toBe('waiting')
  const data = { planId: plan.planId }
  const told = () => ctx.sql`select type, data from outbox where subject = ${plan.planId}`
  expect(await told()).toEqual([{ type: 'run.waiting', data }])
  await answer(activate, ctx, at(plan.planId))
  expect(await told()).toHaveLength(1)
})

test('other runs are left alone', async ({ ctx }) => {
  const plan = await makeSimplePlan(ctx)
  const others = []
  for (const status of ['ready', 'running', 'completing', 'done', 'failed', 'invalidated'] as const)
    others.push(await makeRun(ctx, { ...plan, status }))
  const before = await Promise.all(others.map(({ runId }) => runOf(ctx, runId)))
  await answer(activate, ctx, at(plan.planId))
  expect(await Promise.all(others.map(({ runId }) => runOf(ctx, runId)))).toEqual(before)
  const other = await makeRun(ctx, { status: 'deactivated' })
  await answer(activate, ctx, at(plan.planId))
  expect(await runOf(ctx, other.runId)).toMatchObject({ status: 'deactivated' })
})

test('a built-in plan, an unknown one and a malformed id are 404', async ({ ctx }) => {
  const builtIn = await ctx.sql<{ id: string }[]>`select id from plan where name is not null`
  expect(builtIn).toHaveLength(2)
  for (const id of [...builtIn.map((plan) => plan.id), randomUUID(), 'nonsense', '%00', ''])
    await refusal(activate, ctx, at(id), 'plan-not-found')
})

test('a body is not looked at', async ({ ctx }) => {
  const planId = await makePlan(ctx, { inputs: { '/in': ['x:1'] } })
  expect(await answer(activate, ctx, at(planId), { body: '{"broken' })).toMatchObject({ planId })
})

test('a viewer may not, a user may', async ({ ctx }) => {
  const planId = await makePlan(ctx, { inputs: { '/in': ['x:1'] } }, { active: false })
  await refusal(activate, ctx, at(planId), 'forbidden', { role: 'viewer' })
  const [plan] = await ctx.sql`select active from plan where id = ${planId}`
  expect(plan).toEqual({ active: false })
  expect(await answer(activate, ctx, at(planId), { role: 'user' })).toMatchObject({ active: true })
})

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
