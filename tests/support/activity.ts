import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { PlanDetail } from '#shared/domain/plan.ts'
import type { RouteFunction } from '#shared/runtime/define-route.ts'
import { answer, refusal, test } from './api.ts'
import { makePlan } from './makers.ts'
import { historyOf, makeRun, makeSimplePlan } from './runs.ts'
import type { TestWorld } from './world.ts'

const at = (planId: string) => `/api/plans/${planId}/active`

const runOf = async ({ sql }: TestWorld, runId: string) => {
  const [run] = await sql<{ status: string; updatedAt: Date }[]>`
    select status, updated_at as "updatedAt" from run where id = ${runId}`
  return run
}

/** What is true of activating a plan and of deactivating one alike: `held` runs become `free` by it. */
export function testActivity(fn: RouteFunction, active: boolean): void {
  const to = active ? 'activated' : 'deactivated'
  const [held, free] = active
    ? (['deactivated', 'waiting'] as const)
    : (['waiting', 'deactivated'] as const)

  test(`a plan is ${to} and is shown so, again and again`, async ({ ctx }) => {
    const planId = await makePlan(ctx, { inputs: { '/in': ['x:1'] } }, { active: !active })
    for (let times = 0; times < 2; times += 1) {
      const shown = await answer<PlanDetail>(fn, ctx, at(planId))
      expect(shown).toMatchObject({ planId, active })
    }
    expect(await answer(fn, ctx, `${at(planId)}/`)).toMatchObject({ active })
  })

  test(`its ${held} runs are ${free} now, at the time they had, and it is told once per plan`, async ({
    ctx,
  }) => {
    const plan = await makeSimplePlan(ctx)
    const runs = [
      await makeRun(ctx, { ...plan, status: held }),
      await makeRun(ctx, { ...plan, status: held }),
    ]
    const before = await Promise.all(runs.map(({ runId }) => runOf(ctx, runId)))
    await ctx.sql`update plan set active = ${!active} where id = ${plan.planId}`
    await answer(fn, ctx, at(plan.planId))
    const after = await Promise.all(runs.map(({ runId }) => runOf(ctx, runId)))
    expect(after).toEqual(before.map((run) => ({ ...run, status: free })))
    for (const { runId } of runs) expect((await historyOf(ctx, runId)).at(-1)).toBe(free)
    const data = { planId: plan.planId }
    const told = () => ctx.sql`select type, data from outbox where subject = ${plan.planId}`
    expect(await told()).toEqual([{ type: `run.${free}`, data }])
    await answer(fn, ctx, at(plan.planId))
    expect(await told()).toHaveLength(1)
  })

  test('other runs are left alone', async ({ ctx }) => {
    const plan = await makeSimplePlan(ctx)
    const others = []
    for (const status of [
      'ready',
      'running',
      'completing',
      'done',
      'failed',
      'invalidated',
    ] as const)
      others.push(await makeRun(ctx, { ...plan, status }))
    const before = await Promise.all(others.map(({ runId }) => runOf(ctx, runId)))
    await answer(fn, ctx, at(plan.planId))
    expect(await Promise.all(others.map(({ runId }) => runOf(ctx, runId)))).toEqual(before)
    const other = await makeRun(ctx, { status: held })
    await answer(fn, ctx, at(plan.planId))
    expect(await runOf(ctx, other.runId)).toMatchObject({ status: held })
  })

  test('a built-in plan, an unknown one and a malformed id are 404', async ({ ctx }) => {
    const builtIn = await ctx.sql<{ id: string }[]>`select id from plan where name is not null`
    expect(builtIn).toHaveLength(2)
    for (const id of [...builtIn.map((plan) => plan.id), randomUUID(), 'nonsense', '%00', ''])
      await refusal(fn, ctx, at(id), 'plan-not-found')
  })

  test('a body is not looked at', async ({ ctx }) => {
    const planId = await makePlan(ctx, { inputs: { '/in': ['x:1'] } })
    expect(await answer(fn, ctx, at(planId), { body: '{"broken' })).toMatchObject({ planId })
  })

  test('a viewer may not, a user may', async ({ ctx }) => {
    const planId = await makePlan(ctx, { inputs: { '/in': ['x:1'] } }, { active: !active })
    await refusal(fn, ctx, at(planId), 'forbidden', { role: 'viewer' })
    const [plan] = await ctx.sql`select active from plan where id = ${planId}`
    expect(plan).toEqual({ active: !active })
    expect(await answer(fn, ctx, at(planId), { role: 'user' })).toMatchObject({ active })
  })
}
