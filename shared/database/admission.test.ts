import { expect } from 'vitest'
import { makeRun, makeSimplePlan, steal } from '#tests/support/runs.ts'
import { test } from '#tests/support/world.ts'
import { claimWaiting, readDemand } from './admission.ts'

test('who uses the machine and who waits for it is counted by plan, the oldest first', async ({
  ctx,
}) => {
  const plan = await makeSimplePlan(ctx, { cpu: '2' })
  const claimed = await makeRun(ctx, plan)
  const old = await makeRun(ctx, plan)
  const late = await makeRun(ctx, plan)
  const postponed = await makeRun(ctx, plan)
  await steal(ctx, claimed.runId)
  await ctx.sql`update run set due_at = now() + interval '1 h' where id = ${postponed.runId}`
  for (const status of ['ready', 'starting', 'running', 'completing', 'aborting'] as const)
    await makeRun(ctx, { ...plan, status })
  for (const status of ['deactivated', 'done', 'failed', 'invalidated'] as const)
    await makeRun(ctx, { ...plan, status })
  const demand = await ctx.sql.begin((tx) => readDemand(tx, 10))
  expect(demand).toEqual([
    {
      planId: plan.planId,
      resources: { cpu: '2', memory: '1Gi' },
      live: 6,
      waiting: [old.runId, late.runId],
    },
  ])
})

test('admissions take turns: nobody counts while another decides', async ({ ctx }) => {
  await makeRun(ctx)
  await ctx.sql.begin(async (tx) => {
    await readDemand(tx, 10)
    const other = ctx.sql.begin(async (other) => {
      await other`set local lock_timeout = '10ms'`
      await readDemand(other, 10)
    })
    await expect(other).rejects.toMatchObject({ code: '55P03' })
  })
})

test('a run that is admitted is claimed, and no second time', async ({ ctx }) => {
  const { runId } = await makeRun(ctx)
  const claim = () => ctx.sql.begin((tx) => claimWaiting(tx, [runId], 'initialize-run', 30))
  expect(await claim()).toMatchObject([{ id: runId, status: 'waiting', attempt: 1 }])
  expect(await claim()).toEqual([])
})
