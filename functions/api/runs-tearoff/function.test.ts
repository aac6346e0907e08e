import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { RunDetail } from '#shared/domain/run.ts'
import type { RunStatus } from '#shared/domain/run-states.ts'
import { beginUpload, renewUpload } from '#shared/database/uploads.ts'
import { answer, refusal, test } from '#tests/support/api.ts'
import { makeRun, readRun } from '#tests/support/runs.ts'
import { deliver } from '#tests/support/world.ts'
import finishRun from '../../steps/finish-run/function.ts'
import startRun from '../../steps/start-run/function.ts'
import tearoff from './function.ts'

const at = (runId: string) => `/api/runs/${runId}/tearoff`
const exit = { code: 0, message: 'stopped by user' }

const legal: RunStatus[] = ['ready', 'starting', 'running', 'completing']

test.for(legal)('a run that is %s is torn off: done with what it has', async (status, { ctx }) => {
  const { runId, worker } = await makeRun(ctx, { status })
  const shown = await answer<RunDetail>(tearoff, ctx, at(runId))
  expect(shown).toMatchObject({ runId, status: 'completing', exit })
  const [last] = await ctx.sql`
    select from_status as "from", status, actor, reason
      from run_history where run_id = ${runId} order by id desc limit 1`
  expect(last).toEqual({ from: status, status: 'completing', actor: 'ann', reason: exit.message })
  await deliver(finishRun, ctx, 'run.completing', { runId, attempt: 1 })
  expect(await readRun(ctx, runId)).toMatchObject({ status: 'done', exitCode: 0 })
  expect(ctx.cluster.workers.has(worker)).toBe(false)
})

test.for([
  ['deactivated', 'abort-instead'],
  ['waiting', 'abort-instead'],
  ['aborting', 'move-prohibited'],
  ['done', 'move-prohibited'],
  ['failed', 'move-prohibited'],
  ['invalidated', 'move-prohibited'],
] as const)(
  'a run that is %s is not torn off, and nothing of it changes: %s',
  async ([status, problem], { ctx }) => {
    const { runId } = await makeRun(ctx, { status })
    const before = await ctx.sql`select * from run where id = ${runId}`
    expect(await refusal(tearoff, ctx, at(runId), problem)).toContain(status)
    expect(await ctx.sql`select * from run where id = ${runId}`).toEqual(before)
  },
)

test('a run that is torn off while its worker is made never runs', async ({ ctx }) => {
  const { runId, worker } = await makeRun(ctx, { status: 'ready' })
  ctx.cluster.before = async (operation) => {
    if (operation === 'ensureWorker') await answer(tearoff, ctx, at(runId))
  }
  await deliver(startRun, ctx, 'run.ready', { runId, attempt: 1 })
  ctx.cluster.before = () => {}
  expect(ctx.cluster.workers.get(worker)?.state.phase).toBe('suspended')
  expect(await readRun(ctx, runId)).toMatchObject({ status: 'completing' })
  await deliver(finishRun, ctx, 'run.completing', { runId, attempt: 1 })
  expect(ctx.cluster.workers.has(worker)).toBe(false)
})

test('half an upload is no data: it is not torn off', async ({ ctx }) => {
  const upload = await beginUpload(ctx.sql, [], 60, { actor: 'test' })
  const detail = await refusal(tearoff, ctx, at(upload.run.id), 'abort-instead')
  expect(detail).toMatch(/upload/)
  expect(await renewUpload(ctx.sql, upload, 60)).toBe(true)
})

test('an unknown run is 404, and a viewer may not', async ({ ctx }) => {
  await refusal(tearoff, ctx, at(randomUUID()), 'run-not-found')
  const { runId } = await makeRun(ctx, { status: 'running' })
  await refusal(tearoff, ctx, at(runId), 'forbidden', { role: 'viewer' })
})
