import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { PlanDetail } from '#shared/domain/plan.ts'
import type { RunDetail } from '#shared/domain/run.ts'
import { answer, refusal, test } from '#tests/support/api.ts'
import { makePlan } from '#tests/support/makers.ts'
import { makeRun, makeSimplePlan } from '#tests/support/runs.ts'
import { call, deliver, type TestWorld } from '#tests/support/world.ts'
import finishRun from '../../steps/finish-run/function.ts'
import initializeRun from '../../steps/initialize-run/function.ts'
import retry from '../runs-retry/function.ts'
import show from '../runs-show/function.ts'
import resource from './function.ts'

const at = (planId: string) => `/api/plans/${planId}/resources`

/** The limits of a plan after a change. */
async function change(ctx: TestWorld, planId: string, body: unknown) {
  return (await answer<PlanDetail>(resource, ctx, at(planId), { body })).resources
}

test('limits are put and taken away; others stay', async ({ ctx }) => {
  const planId = await makePlan(ctx, { inputs: { '/in': ['a:1'] } })
  expect(await change(ctx, planId, { set: { cpu: 0.5, 'x/gpu': '2' } })).toEqual({
    cpu: '500m',
    memory: '1Gi',
    'x/gpu': '2',
  })
  const unset = ['memory', 'never', 'x/gpu']
  expect(await change(ctx, planId, { unset, set: { 'x/gpu': '3', cpu: '2' } })).toEqual({
    cpu: '2',
  })
  expect(await change(ctx, planId, { unset: ['cpu'] })).toBeUndefined()
})

test('no change at all is one: null, an empty body, an empty object, or lists that hold nothing', async ({
  ctx,
}) => {
  const planId = await makePlan(ctx, { inputs: { '/in': ['a:1'] } })
  for (const body of ['null', '', {}, { set: {}, unset: null }, { set: null }])
    expect(await change(ctx, planId, body)).toEqual({ cpu: '1', memory: '1Gi' })
})

test.for([
  [{ set: { cpu: 'many' } }, /"many" is no quantity/],
  [{ set: { 'c\0pu': '1' } }, /NUL/],
  [{ unset: ['c\0pu'] }, /NUL/],
  [{ set: ['cpu'] }, /set/],
  [{ unset: 'cpu' }, /unset/],
  ['{', /no JSON/],
] as const)('%j is refused, and nothing is changed', async ([body, why], { ctx }) => {
  const planId = await makePlan(ctx, { inputs: { '/in': ['a:1'] } })
  expect(await refusal(resource, ctx, at(planId), 'bad-request', { body })).toMatch(why)
  expect(await change(ctx, planId, {})).toEqual({ cpu: '1', memory: '1Gi' })
})

test('the resources of a plan have a cap that is named, however they were put', async ({ ctx }) => {
  const planId = await makePlan(ctx, { inputs: { '/in': ['a:1'] } })
  const many = (what: string) =>
    Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`${what}${index}`.repeat(20), 1]))
  const first = many('a.test/')
  await change(ctx, planId, { set: first })
  const body = { set: many('b.test/') }
  expect(await refusal(resource, ctx, at(planId), 'too-large', { body })).toMatch(
    /maxPlanBytes.*65536/,
  )
  const shown = await change(ctx, planId, { unset: Object.keys(first), ...body })
  expect(Object.keys(shown ?? {})).toHaveLength(202)
})

test('of very many digits a quantity is refused as soon as they are read', async ({ ctx }) => {
  const planId = await makePlan(ctx, { inputs: { '/in': ['a:1'] } })
  const body = { set: { cpu: `${'1'.repeat(500_000)}x` } }
  expect(await refusal(resource, ctx, at(planId), 'bad-request', { body })).toMatch(/no quantity/)
})

test('an unknown plan and a malformed id are 404, also for no change', async ({ ctx }) => {
  for (const planId of [randomUUID(), 'x'])
    await refusal(resource, ctx, at(planId), 'plan-not-found', { body: {} })
})

test('a built-in plan can be given limits, as it always could', async ({ ctx }) => {
  const [plan] = await ctx.sql<{ id: string }[]>`select id from plan where name = 'knit#uploaded'`
  expect(await change(ctx, plan?.id ?? '', { set: { cpu: '1' } })).toEqual({ cpu: '1' })
})

test('runs that wait are looked at again, since they may have room now; without any nobody is woken', async ({
  ctx,
}) => {
  const { planId } = await makeRun(ctx)
  const idle = await makePlan(ctx, { inputs: { '/in': ['a:1'] } })
  await ctx.sql`delete from outbox`
  for (const one of [planId, idle]) await change(ctx, one, { set: { cpu: '2' } })
  expect(await ctx.sql`select type, data from outbox`).toEqual([
    { type: 'run.waiting', data: { planId } },
  ])
})

test('a run that failed because it could never have room is retried, once its plan asks for what its failure advises', async ({
  ctx,
}) => {
  // Nobody else takes any of the room.
  await ctx.sql`update run set status = 'deactivated' where status = 'waiting'`
  ctx.cluster.room.set('cpu', 2)
  const plan = await makeSimplePlan(ctx, { cpu: '200' })
  const { runId } = await makeRun(ctx, plan)
  const wake = () => deliver(initializeRun, ctx, 'run.waiting', { planId: plan.planId })
  await wake()
  await deliver(finishRun, ctx, 'run.aborting', { runId, attempt: 1 })
  const shown = () => answer<RunDetail>(show, ctx, `/api/runs/${runId}`)
  const { status, reason } = await shown()
  expect(status).toBe('failed')
  const advice = /knit plan resource (\S+) --set (\S+)=(\S+) /.exec(reason ?? '')
  expect(advice?.[1]).toBe(plan.planId)

  await change(ctx, plan.planId, { set: { [advice?.[2] ?? '']: advice?.[3] } })
  expect((await call(retry, ctx, `/api/runs/${runId}/retry`)).status).toBe(200)
  await wake()
  expect(await shown()).toMatchObject({ status: 'ready', attempt: 2 })
})
