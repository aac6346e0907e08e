import { expect } from 'vitest'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { makeRun } from '#tests/support/runs.ts'
import { test, type TestWorld } from '#tests/support/world.ts'
import { changeTags } from './data.ts'
import { matchData } from './matching.ts'
import {
  createRuns,
  dropNominations,
  holdData,
  holdPlan,
  recheck,
  takeTriggers,
} from './projection.ts'
import { sqlState } from './sql.ts'

const by = { actor: 'test' }

async function inputsOf(ctx: TestWorld, planId: string): Promise<number[]> {
  const rows = await ctx.sql<{ id: number }[]>`
    select id from input where plan_id = ${planId} order by position`
  return rows.map(({ id }) => id)
}

test('one run for each combination of a plan, ever, whichever of its data came last', async ({
  ctx,
}) => {
  const plan = await makePlan(ctx, { inputs: { '/a': ['a:1'], '/b': ['b:1'] } })
  const [one = 0, two = 0] = await inputsOf(ctx, plan)
  const a = await makeData(ctx, 'a:1')
  const b = await makeData(ctx, 'b:1')
  const create = (inputs: number[], combination: string[]) =>
    ctx.sql.begin((tx) => createRuns(tx, plan, inputs, [combination], true, by))
  expect(await create([one, two], [a, b])).toBe(1)
  expect(await create([two, one], [b, a])).toBe(0)
  expect(await create([one, two], [b, a])).toBe(1)
  expect(await ctx.sql`select from run where plan_id = ${plan}`).toHaveLength(2)
})

test('the same combination made at the same time is made once', async ({ ctx }) => {
  const plan = await makePlan(ctx, { inputs: { '/a': ['a:1'] }, outputs: { '/o': [] } })
  const inputs = await inputsOf(ctx, plan)
  const data: string[] = []
  for (let made = 0; made < 5; made += 1) data.push(await makeData(ctx, 'a:1'))
  const made = await Promise.all(
    Array.from({ length: 6 }, (_, index) => {
      const order = index % 2 ? data.toReversed() : data
      return ctx.sql
        .begin((tx) =>
          createRuns(
            tx,
            plan,
            inputs,
            order.map((id) => [id]),
            true,
            by,
          ),
        )
        .catch((error: unknown) => {
          // Two who insert in opposite orders may deadlock; `begin` tries again, this test does not.
          if (sqlState(error) !== '40P01') throw error
          return 0
        })
    }),
  )
  expect(made.reduce((sum, count) => sum + count, 0)).toBe(5)
  expect(await ctx.sql`select from run where plan_id = ${plan}`).toHaveLength(5)
  expect(await ctx.sql`select from data where plan_id = ${plan}`).toHaveLength(5)
  expect(await ctx.sql`select from assign where plan_id = ${plan}`).toHaveLength(5)
})

test('the database itself refuses a second run of a combination, tombstones included', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'invalidated' })
  const again = ctx.sql`
    insert into run (plan_id, status, combination)
    select plan_id, 'waiting', combination from run where id = ${run.runId}`
  await expect(again).rejects.toMatchObject({ code: '23505' })
})

test('a plan whose projection is under way cannot be deactivated unseen', async ({ ctx }) => {
  const plan = await makePlan(ctx, { inputs: { '/a': ['a:1'] } })
  await ctx.sql.begin(async (tx) => {
    expect(await holdPlan(tx, plan)).toMatchObject({ active: true })
    const deactivation = ctx.sql.begin(async (other) => {
      await other`set local lock_timeout = '10ms'`
      await other`update plan set active = false where id = ${plan}`
    })
    await expect(deactivation).rejects.toMatchObject({ code: '55P03' })
  })
})

test('data that a projection holds can be read and held by others, but not changed', async ({
  ctx,
}) => {
  const knitId = await makeData(ctx)
  await ctx.sql.begin(async (tx) => {
    await holdData(tx, [knitId])
    await ctx.sql.begin((other) => holdData(other, [knitId]))
    const change = ctx.sql.begin(async (other) => {
      await other`set local lock_timeout = '10ms'`
      await other`select from data where id = ${knitId} for update`
    })
    await expect(change).rejects.toMatchObject({ code: '55P03' })
  })
})

test('taking a tag away waits for no projection; the projection under way finds out itself', async ({
  ctx,
}) => {
  const plan = await makePlan(ctx, { inputs: { '/a': ['a:1'] } })
  const knitId = await makeData(ctx, 'a:1')
  await ctx.sql.begin((tx) => matchData(tx, [knitId], by))
  await ctx.sql.begin(async (tx) => {
    const triggers = await takeTriggers(tx, plan, 10)
    expect(triggers).toHaveLength(1)
    // Were each to wait for the other, neither could go on.
    const change = { remove: [{ key: 'a', value: '1' }] }
    expect(await changeTags(ctx.sql, knitId, change, 100, by)).toBeUndefined()
    await holdData(tx, [knitId])
    expect(await recheck(tx, triggers)).toEqual([])
    await dropNominations(tx, triggers)
  })
  expect(await ctx.sql`select from nomination`).toHaveLength(0)
})

test('a partner that somebody else projects just now is left to that projection, and who left it out is told so', async ({
  ctx,
}) => {
  const plan = await makePlan(ctx, { inputs: { '/a': ['a:1'] } })
  const knitIds = [await makeData(ctx, 'a:1'), await makeData(ctx, 'a:1')]
  await ctx.sql.begin((tx) => matchData(tx, knitIds, by))
  await ctx.sql.begin(async (tx) => {
    const triggers = await takeTriggers(tx, plan, 1)
    const all = knitIds.flatMap((knitId) => triggers.map((one) => ({ ...one, knitId })))
    expect(await ctx.sql.begin((other) => dropNominations(other, all))).toBe(false)
    expect(await ctx.sql.begin((other) => dropNominations(other, all.slice(1)))).toBe(true)
    expect(await ctx.sql`select from nomination`).toHaveLength(1)
    expect(await dropNominations(tx, triggers)).toBe(true)
  })
  expect(await ctx.sql`select from nomination`).toHaveLength(0)
})
