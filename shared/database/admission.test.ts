import { expect } from 'vitest'
import { makeRun, makeSimplePlan, steal } from '#tests/support/runs.ts'
import { test } from '#tests/support/world.ts'
import { claimWaiting, readDemand, readQueues } from './admission.ts'

test('who uses the machine and who waits for it is counted by plan, the oldest first', async ({
  ctx,
}) => {
  const plan = await makeSimplePlan(ctx, { cpu: '2' })
  const claimed = await makeRun(ctx, plan)
  const old = await makeRun(ctx, plan)
  const late = await makeRun(ctx, plan)
  const postponed = await makeRun(ctx, plan)
  await steal(ctx, claimed.runId)
  await ctx.sql`update run set failures = 1, due_at = now() + interval '1 h' where id = ${postponed.runId}`
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

test('queues tell how many wait before a run, in the order in which admission takes them', async ({
  ctx,
}) => {
  const plan = await makeSimplePlan(ctx, { cpu: '2' })
  const busy = await makeSimplePlan(ctx)
  const claimed = await makeRun(ctx, plan)
  await steal(ctx, claimed.runId)
  for (let count = 0; count < 5; count += 1) await makeRun(ctx, plan)
  // As those are that one projection has made.
  await ctx.sql`update run set created_at = now()`
  const postponed = await makeRun(ctx, plan)
  await ctx.sql`update run set failures = 1, due_at = now() + interval '1 h' where id = ${postponed.runId}`
  await makeRun(ctx, { ...busy, status: 'running' })
  await makeRun(ctx, { ...busy, status: 'done' })

  const [own] = await ctx.sql.begin((tx) => readDemand(tx, 10))
  const order = own?.waiting ?? []
  expect(order).toHaveLength(5)
  const asked = [order[3] ?? '', order[0] ?? '', postponed.runId]
  await ctx.sql`
    update run set hook_failures = 1 where id = any (${[order[1] ?? '', order[3] ?? '']}::uuid[])`
  expect(await readQueues(ctx.sql, asked)).toEqual([
    {
      planId: plan.planId,
      resources: { cpu: '2', memory: '1Gi' },
      live: 1,
      waiting: 5,
      asked: { [order[0] ?? '']: 0, [order[3] ?? '']: 3 },
      putBack: [order[3]],
    },
    {
      planId: busy.planId,
      resources: { cpu: '1', memory: '1Gi' },
      live: 1,
      waiting: 0,
      asked: {},
      putBack: [],
    },
  ])
})

test('reading the queues waits for no admission', async ({ ctx }) => {
  const { runId } = await makeRun(ctx)
  await ctx.sql.begin(async (tx) => {
    await readDemand(tx, 10)
    await tx`select from run for update`
    expect(await readQueues(ctx.sql, [runId])).toMatchObject([{ asked: { [runId]: 0 } }])
  })
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
