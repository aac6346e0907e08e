import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { PlanDetail } from '#shared/domain/plan.ts'
import { answer, refusal, test } from '#tests/support/api.ts'
import { makePlan } from '#tests/support/makers.ts'
import type { TestWorld } from '#tests/support/world.ts'
import annotate from './function.ts'

const at = (planId: string) => `/api/plans/${planId}/annotations`
const newPlan = (ctx: TestWorld) => makePlan(ctx, { inputs: { '/in': ['a:1'] } })

/** The annotations of a plan after a change. */
async function change(ctx: TestWorld, planId: string, body: unknown) {
  return (await answer<PlanDetail>(annotate, ctx, at(planId), { body })).annotations
}

test('annotations are removed first and put then; a key may have several', async ({ ctx }) => {
  const planId = await newPlan(ctx)
  expect(await change(ctx, planId, { add: ['b=1', 'a=2', ' a = 1 ', 'a=2'] })).toEqual([
    'a=1',
    'a=2',
    'b=1',
  ])
  const all = { remove_key: ['a'], remove: ['b=1', 'c=9'], add: ['b=1', 'c==', 'q="\\'] }
  expect(await change(ctx, planId, all)).toEqual(['b=1', 'c==', 'q="\\'])
  expect(await change(ctx, planId, { remove_key: ['b', 'c', 'q'] })).toBeUndefined()
})

test('no change at all is one: null, an empty body, an empty object, or lists that hold nothing', async ({
  ctx,
}) => {
  const planId = await newPlan(ctx)
  await change(ctx, planId, { add: ['a=1'] })
  for (const body of ['null', '', {}, { add: [], remove: null, remove_key: [] }])
    expect(await change(ctx, planId, body)).toEqual(['a=1'])
})

test.for([
  [{ add: ['none'] }, /"none" has no "="/],
  [{ remove: ['none'] }, /"none" has no "="/],
  [{ add: ['a=\0'] }, /NUL/],
  [{ add: [`${'k'.repeat(254)}=v`] }, /254 characters.*253/],
  [{ add: 'a=1' }, /add/],
  ['{', /no JSON/],
] as const)('%j is refused, and nothing is changed', async ([body, why], { ctx }) => {
  const planId = await newPlan(ctx)
  expect(await refusal(annotate, ctx, at(planId), 'bad-request', { body })).toMatch(why)
  expect(await change(ctx, planId, {})).toBeUndefined()
})

test('annotations of a plan have a cap that is named, however they were put', async ({ ctx }) => {
  const planId = await newPlan(ctx)
  const body = { add: [`a=${'x'.repeat(40_000)}`] }
  await change(ctx, planId, body)
  const more = { add: [`b=${'x'.repeat(40_000)}`] }
  expect(await refusal(annotate, ctx, at(planId), 'too-large', { body: more })).toMatch(
    /maxPlanBytes.*65536/,
  )
  expect(await change(ctx, planId, { remove_key: ['a'], ...more })).toHaveLength(1)
})

test('a change makes no plan different: its equivalent stays so', async ({ ctx }) => {
  const planId = await newPlan(ctx)
  const [before] = await ctx.sql`select hash from plan where id = ${planId}`
  await change(ctx, planId, { add: ['a=1'] })
  expect(await ctx.sql`select hash from plan where id = ${planId}`).toEqual([before])
})

test('changes at the same time all hold', async ({ ctx }) => {
  const planId = await newPlan(ctx)
  const add = Array.from({ length: 8 }, (_, index) => `k=${index}`)
  await Promise.all(add.map((one) => change(ctx, planId, { add: [one] })))
  expect(await change(ctx, planId, {})).toEqual(add)
})

test('a built-in plan can be annotated, an unknown one and a malformed id are 404', async ({
  ctx,
}) => {
  const [plan] = await ctx.sql<{ id: string }[]>`select id from plan where name = 'knit#imported'`
  expect(await change(ctx, plan?.id ?? '', { add: ['a=1'] })).toEqual(['a=1'])
  for (const planId of [randomUUID(), 'x'])
    await refusal(annotate, ctx, at(planId), 'plan-not-found', { body: {} })
})
