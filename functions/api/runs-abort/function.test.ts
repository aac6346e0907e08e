import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { RunDetail } from '#shared/domain/run.ts'
import type { RunStatus } from '#shared/domain/run-states.ts'
import { beginUpload, completeUpload, discardUpload } from '#shared/database/uploads.ts'
import { claimRun, moveRun } from '#shared/database/runs.ts'
import { answer, refusal, test } from '#tests/support/api.ts'
import { historyOf, makeRun, measured, readRun } from '#tests/support/runs.ts'
import { deliver } from '#tests/support/world.ts'
import finishRun from '../../steps/finish-run/function.ts'
import abort from './function.ts'

const at = (runId: string) => `/api/runs/${runId}/abort`
const by = { actor: 'test' }
const exit = { code: 253, message: 'aborted by user' }

const legal: RunStatus[] = ['deactivated', 'waiting', 'ready', 'starting', 'running', 'aborting']

test.for(legal)('a run that is %s is aborted, by whom and why is kept', async (status, { ctx }) => {
  const { runId } = await makeRun(ctx, { status })
  await ctx.sql`delete from outbox`
  const shown = await answer<RunDetail>(abort, ctx, at(runId))
  expect(shown).toMatchObject({ runId, status: 'aborting', exit })
  const [last] = await ctx.sql`
    select from_status as "from", status, actor, reason
      from run_history where run_id = ${runId} order by id desc limit 1`
  expect(last).toEqual({ from: status, status: 'aborting', actor: 'ann', reason: exit.message })
  expect(await ctx.sql`select type, data from outbox`).toEqual([
    { type: 'run.aborting', data: { runId, attempt: 1 } },
  ])
  await deliver(finishRun, ctx, 'run.aborting', { runId, attempt: 1 })
  expect(await readRun(ctx, runId)).toMatchObject({ status: 'failed', exitCode: 253 })
})

test.for(['completing', 'done', 'failed', 'invalidated'] as const)(
  'a run that is %s is not aborted, and nothing of it changes',
  async (status, { ctx }) => {
    const { runId } = await makeRun(ctx, { status })
    const before = await ctx.sql`select * from run where id = ${runId}`
    const detail = await refusal(abort, ctx, at(runId), 'move-prohibited')
    expect(detail).toContain(status)
    expect(await ctx.sql`select * from run where id = ${runId}`).toEqual(before)
  },
)

test('a program that is aborted has not ended yet, unless its end is known', async ({ ctx }) => {
  const { runId } = await makeRun(ctx, { status: 'running' })
  const shown = await answer<RunDetail>(abort, ctx, at(runId))
  expect(shown).toMatchObject({ status: 'aborting', exit: { code: 253 } })
  expect(shown.endedAt).toBeUndefined()

  const ended = await makeRun(ctx, { status: 'aborting' })
  await ctx.sql`update attempt set ended_at = '2026-01-02T03:04:05Z' where run_id = ${ended.runId}`
  const again = await answer<RunDetail>(abort, ctx, at(ended.runId))
  expect(again.endedAt).toBe('2026-01-02T03:04:05+00:00')
})

test('whoever serves the run finds out that it is no longer his', async ({ ctx }) => {
  const { runId } = await makeRun(ctx, { status: 'ready' })
  const claimed = await claimRun(ctx.sql, runId, ['ready'], 'start-run', 30)
  await answer(abort, ctx, at(runId))
  expect(claimed && (await moveRun(ctx.sql, claimed, 'starting', by))).toBeUndefined()
  expect(await readRun(ctx, runId)).toMatchObject({ status: 'aborting', claim: null })
})

test('a refused abort leaves the run with whoever serves it', async ({ ctx }) => {
  const { runId } = await makeRun(ctx, { status: 'completing' })
  const claimed = await claimRun(ctx.sql, runId, ['completing'], 'finish-run', 30)
  await refusal(abort, ctx, at(runId), 'move-prohibited')
  expect(claimed && (await moveRun(ctx.sql, claimed, 'done', by))).toBeDefined()
})

test('a run that fails with its machine is not tried again once a user aborted it', async ({
  ctx,
}) => {
  const { runId } = await makeRun(ctx, { status: 'aborting' })
  await ctx.sql`
    update attempt set cause = 'machine', exit_code = 254, exit_message = 'lost'
     where run_id = ${runId}`
  const served = await claimRun(ctx.sql, runId, ['aborting'], 'finish-run', 30)
  expect(await answer<RunDetail>(abort, ctx, at(runId))).toMatchObject({ exit })
  // It had read the cause before, and would begin the next attempt.
  expect(served && (await moveRun(ctx.sql, served, 'waiting', by))).toBeUndefined()
  await deliver(finishRun, ctx, 'run.aborting', { runId, attempt: 1 })
  expect(await readRun(ctx, runId)).toMatchObject({ status: 'failed', attempt: 1, exitCode: 253 })
})

test('an upload in progress is aborted: it is no data, and can be deleted', async ({ ctx }) => {
  const upload = await beginUpload(ctx.sql, [], 60, by)
  const { id: runId } = upload.run
  expect(await answer(abort, ctx, at(runId))).toMatchObject({ status: 'aborting', inputs: [] })
  expect(await completeUpload(ctx.sql, upload, measured, by)).toBe(false)
  await discardUpload(ctx.sql, upload, 'given up', by)
  expect(await ctx.sql`select from agent where knit_id = ${upload.knitId}`).toHaveLength(0)
  await deliver(finishRun, ctx, 'run.aborting', { runId, attempt: 1 })
  expect(await historyOf(ctx, runId)).toEqual(['running', 'aborting', 'failed'])
})

test('an unknown run and a malformed id are 404', async ({ ctx }) => {
  for (const id of [randomUUID(), 'nonsense', '%00'])
    await refusal(abort, ctx, at(id), 'run-not-found')
})

test('a viewer may not, a user may', async ({ ctx }) => {
  const { runId } = await makeRun(ctx, { status: 'running' })
  await refusal(abort, ctx, at(runId), 'forbidden', { role: 'viewer' })
  expect(await readRun(ctx, runId)).toMatchObject({ status: 'running' })
  await answer(abort, ctx, at(runId), { role: 'user' })
})
