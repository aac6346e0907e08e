import { expect } from 'vitest'
import type { RunDetail } from '#shared/domain/run.ts'
import { findDue } from '#shared/database/due.ts'
import { answer } from '#tests/support/api.ts'
import { hookServer } from '#tests/support/hook-server.ts'
import { makeRun, passTime, readRun } from '#tests/support/runs.ts'
import { deliver, test, type TestWorld } from '#tests/support/world.ts'
import showRun from '../../functions/api/runs-show/function.ts'
import callHooks from '../../functions/steps/call-hooks/function.ts'
import collectGarbage from '../../functions/steps/collect-garbage/function.ts'
import finishRun from '../../functions/steps/finish-run/function.ts'
import initializeRun from '../../functions/steps/initialize-run/function.ts'

/** The clock of the database is set back: what it wrote before is of the future. */
const setBack = (ctx: TestWorld): Promise<void> => passTime(ctx, -600)

const dueIn = async ({ sql, config }: TestWorld): Promise<string[]> =>
  (await findDue(sql, 10, config.maxHookFailures)).map(({ name }) => name).toSorted()

test('with the clock of the database set back, what has never failed is told of by the sweep, and served', async ({
  ctx,
}) => {
  const { url, calls } = await hookServer()
  ctx.config.hooksAfter = [url]
  const waiting = await makeRun(ctx)
  const ending = await makeRun(ctx, { status: 'aborting' })
  await deliver(finishRun, ctx, 'run.aborting', { runId: ending.runId, attempt: 1 })
  await makeRun(ctx, { status: 'ready' })
  await ctx.cluster.ensureVolume({ name: 'one' })
  await ctx.sql`insert into garbage (volume) values ('one')`
  await setBack(ctx)

  const due = ['hook.recorded', 'run.ready', 'run.waiting', 'volume.dropped']
  expect(await dueIn(ctx)).toEqual(due)
  const shown = await answer<RunDetail>(showRun, ctx, `/api/runs/${waiting.runId}`)
  expect(shown.reason).toBe('it is about to be admitted; place 1 of 1')
  await deliver(initializeRun, ctx, 'run.waiting', { planId: waiting.planId })
  expect(await readRun(ctx, waiting.runId)).toMatchObject({ status: 'ready' })
  await deliver(collectGarbage, ctx, 'volume.dropped', {})
  expect(ctx.cluster.volumes.has('one')).toBe(false)
  await deliver(callHooks, ctx, 'hook.recorded', {})
  expect(calls.map(({ headers }) => headers['knit-hook'])).toContain('after failed')
})

test('what a failure, or a look in vain, has put off is due again when the clock was set back behind that', async ({
  ctx,
}) => {
  const { runId, planId } = await makeRun(ctx)
  await makeRun(ctx, { status: 'running' })
  await ctx.sql`update run set due_at = now() + interval '1 minute'`
  await ctx.sql`update run set failures = 1 where id = ${runId}`
  expect(await dueIn(ctx)).toEqual([])
  await setBack(ctx)
  expect(await dueIn(ctx)).toEqual(['run.starting', 'run.waiting'])
  await deliver(initializeRun, ctx, 'run.waiting', { planId })
  expect(await readRun(ctx, runId)).toMatchObject({ status: 'ready' })
})
