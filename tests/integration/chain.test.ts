import { expect } from 'vitest'
import { findDataIds, showData } from '#shared/database/data-view.ts'
import { findRunIds, showRuns } from '#shared/database/run-view.ts'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { succeeded } from '#tests/support/scripted-cluster.ts'
import { test } from '#tests/support/world.ts'

test('data that fits a plan starts a run, and its output starts the next', async ({
  ctx,
  engine,
}) => {
  ctx.cluster.afterRelease = succeeded
  const first = await makePlan(ctx, {
    inputs: { '/in': ['type:raw'] },
    outputs: { '/out': ['type:clean'] },
    log: ['type:log'],
  })
  const second = await makePlan(ctx, {
    inputs: { '/in': ['type:clean'] },
    outputs: { '/out': ['type:model'] },
  })
  await makeData(ctx, 'type:raw')
  await engine.settle()
  const firstRuns = await showRuns(ctx.sql, await findRunIds(ctx.sql, { planIds: [first] }))
  const secondRuns = await showRuns(ctx.sql, await findRunIds(ctx.sql, { planIds: [second] }))
  expect(firstRuns).toMatchObject([{ status: 'done', exit: { code: 0, message: '' } }])
  expect(secondRuns).toMatchObject([{ status: 'done' }])
  expect(secondRuns[0]?.inputs[0]?.knitId).toBe(firstRuns[0]?.outputs[0]?.knitId)
  const models = await showData(
    ctx.sql,
    await findDataIds(ctx.sql, [{ key: 'type', value: 'model' }]),
  )
  expect(models).toMatchObject([{ upstream: { run: { runId: secondRuns[0]?.runId } } }])
})

test('a plan with two inputs runs for every combination once, however often it is told', async ({
  ctx,
  engine,
}) => {
  ctx.cluster.afterRelease = succeeded
  const plan = await makePlan(ctx, {
    inputs: { '/in/a': ['type:a'], '/in/b': ['type:b'] },
    outputs: { '/out': [] },
  })
  for (const tag of ['type:a', 'type:b', 'type:a', 'type:b', 'type:b']) await makeData(ctx, tag)
  await engine.settle()
  const runs = await showRuns(ctx.sql, await findRunIds(ctx.sql, { planIds: [plan] }))
  expect(runs.map(({ status }) => status)).toEqual(Array.from({ length: 6 }, () => 'done'))
  expect(new Set(runs.map(({ inputs }) => inputs.map(({ knitId }) => knitId).join())).size).toBe(6)
  await ctx.sql`update nomination set due = true`
  await ctx.sql`insert into match_task (plan_id) values (${plan})`
  await engine.bus.publish([
    {
      id: 'again',
      name: 'data.nominated',
      subject: plan,
      data: { planId: plan },
      time: new Date(),
    },
  ])
  await engine.settle()
  expect(await findRunIds(ctx.sql, { planIds: [plan] })).toHaveLength(6)
})
