import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { RunDetail } from '#shared/domain/run.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { beginUpload, completeUpload } from '#shared/database/uploads.ts'
import { answer, refusal, test } from '#tests/support/api.ts'
import { makeReader, makeRun, measured, readRun } from '#tests/support/runs.ts'
import { keptSpans } from '#tests/support/kept-spans.ts'
import { call, deliver, type TestWorld } from '#tests/support/world.ts'
import finishRun from '../../steps/finish-run/function.ts'
import show from '../runs-show/function.ts'
import retry from './function.ts'

const at = (runId: string) => `/api/runs/${runId}/retry`
const by = { actor: 'test' }

const outputsOf = async ({ sql }: TestWorld, runId: string): Promise<string[]> => {
  const rows = await sql<{ id: string }[]>`
    select data.id from data join output on output.id = output_id
     where run_id = ${runId} order by position`
  return rows.map(({ id }) => id)
}

const lastOf = async ({ sql }: TestWorld, runId: string) => {
  const [last] = await sql`
    select from_status as "from", status, attempt, actor
      from run_history where run_id = ${runId} order by id desc limit 1`
  return last
}

test.for(['done', 'failed'] as const)(
  'a run that is %s waits again, as the next attempt, with new data that carry the tags of its plan',
  async (status, { ctx }) => {
    const run = await makeRun(ctx, { status })
    const { runId } = run
    await ctx.sql`
      insert into attempt (run_id, number, exit_code, exit_message) values (${runId}, 1, 3, 'Error')`
    await ctx.sql`
      update data set ready = ${status === 'done'}, ended_at = now(), tags = '{}'
       where run_id = ${runId}`
    await ctx.sql`delete from outbox`
    const before = await answer<RunDetail>(show, ctx, `/api/runs/${runId}`)

    const response = await call(retry, ctx, at(runId))
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('')

    const after = await answer<RunDetail>(show, ctx, `/api/runs/${runId}`)
    expect(after).toMatchObject({ status: 'waiting', inputs: before.inputs })
    expect(after).not.toHaveProperty('exit')
    const made = await outputsOf(ctx, runId)
    expect(made).toHaveLength(3)
    expect(made.filter((id) => run.outputs.includes(id))).toEqual([])
    const tags = await ctx.sql`
      select cardinality(tags) as tags, ready, ended_at from data where id = any (${made}::uuid[])`
    expect(tags.map((row) => row['tags']).toSorted()).toEqual([0, 1, 1])
    expect(tags[0]).toMatchObject({ ready: false, ended_at: null })
    const garbage = await ctx.sql<{ volume: string }[]>`select volume from garbage`
    expect(garbage.map(({ volume }) => volume)).toEqual(
      expect.arrayContaining(run.outputs.map(volumeOf)),
    )
    expect(await lastOf(ctx, runId)).toEqual({
      from: status,
      status: 'waiting',
      attempt: 2,
      actor: 'ann',
    })
    expect(await ctx.sql`select type, data from outbox order by id`).toEqual([
      { type: 'run.waiting', data: { planId: run.planId } },
      { type: 'volume.dropped', data: {} },
    ])
  },
)

test('a run whose plan is inactive is held', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'failed' })
  await ctx.sql`update plan set active = false where id = ${run.planId}`
  expect((await call(retry, ctx, at(run.runId))).status).toBe(200)
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'deactivated', attempt: 2 })
})

test.for(['waiting', 'ready', 'starting', 'running', 'completing', 'aborting'] as const)(
  'a run that is %s has not ended, and is not retried',
  async (status, { ctx }) => {
    const { runId } = await makeRun(ctx, { status })
    const before = await ctx.sql`select * from run where id = ${runId}`
    expect(await refusal(retry, ctx, at(runId), 'run-not-finished')).toContain(status)
    expect(await ctx.sql`select * from run where id = ${runId}`).toEqual(before)
  },
)

test('a run that is held is not retried, and its plan is named', async ({ ctx }) => {
  const { runId, planId } = await makeRun(ctx, { status: 'deactivated' })
  expect(await refusal(retry, ctx, at(runId), 'run-held')).toContain(planId)
})

test.for(['deactivated', 'waiting', 'running', 'done', 'failed'] as const)(
  'a run whose data is read by one that is %s is not retried, and that one is named',
  async (status, { ctx }) => {
    const run = await makeRun(ctx, { status: 'done' })
    const reader = await makeReader(ctx, run, status)
    const detail = await refusal(retry, ctx, at(run.runId), 'run-in-use')
    expect(detail).toContain(`${reader} (${status}, of example.test/plan:`)
    expect(await outputsOf(ctx, run.runId)).toEqual(run.outputs)
  },
)

test('of many readers the first are named and the others counted', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'done' })
  for (let number = 0; number < 7; number += 1) await makeReader(ctx, run, 'done')
  expect(await refusal(retry, ctx, at(run.runId), 'run-in-use')).toContain('2 more')
})

test('tombstones of what read its data go with the data', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'done' })
  const tombstone = await makeReader(ctx, run, 'invalidated')
  expect((await call(retry, ctx, at(run.runId))).status).toBe(200)
  expect(await ctx.sql`select from run where id = ${tombstone}`).toHaveLength(0)
  expect(await ctx.sql`select from assign where run_id = ${tombstone}`).toHaveLength(0)
})

test('a run whose data is being downloaded is not retried until that has ended, or its reader is dead', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'done' })
  await ctx.sql`
    insert into agent (knit_id, mode, lease_until)
    values (${run.outputs[1] ?? ''}, 'read', now() + interval '1 minute')`
  const detail = await refusal(retry, ctx, at(run.runId), 'data-in-transfer')
  expect(detail).toContain(run.outputs[1])
  await ctx.sql`update agent set lease_until = now() - interval '1 s'`
  expect((await call(retry, ctx, at(run.runId))).status).toBe(200)
})

test('an upload is not retried: nobody has its bytes', async ({ ctx }) => {
  const upload = await beginUpload(ctx.sql, [], 60, by)
  await refusal(retry, ctx, at(upload.run.id), 'run-not-finished')
  await completeUpload(ctx.sql, upload, measured, by)
  expect(await refusal(retry, ctx, at(upload.run.id), 'move-prohibited')).toMatch(/upload/)
  expect(await outputsOf(ctx, upload.run.id)).toEqual([upload.knitId])
})

test('a user who retries gets as many attempts of the system as the first time', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'aborting' })
  const { runId } = run
  const loseAttempt = async (attempt: number): Promise<unknown> => {
    await ctx.sql`
      insert into attempt (run_id, number, cause, exit_code, exit_message)
      values (${runId}, ${attempt}, 'machine', 254, 'lost')
          on conflict (run_id, number) do update set cause = 'machine'`
    await deliver(finishRun, ctx, 'run.aborting', { runId, attempt })
    const after = await readRun(ctx, runId)
    for (const status of after?.['status'] === 'waiting' ? ['ready', 'aborting'] : [])
      await ctx.sql`update run set status = ${status} where id = ${runId}`
    return after?.['status']
  }
  for (const round of [0, 1]) {
    expect(await loseAttempt(3 * round + 1)).toBe('waiting')
    expect(await loseAttempt(3 * round + 2)).toBe('waiting')
    expect(await loseAttempt(3 * round + 3)).toBe('failed')
    expect((await call(retry, ctx, at(runId))).status).toBe(200)
    for (const status of ['ready', 'aborting'])
      await ctx.sql`update run set status = ${status} where id = ${runId}`
  }
})

test('an unknown run and a deleted one are 404, and a viewer may not', async ({ ctx }) => {
  await refusal(retry, ctx, at(randomUUID()), 'run-not-found')
  const deleted = await makeRun(ctx, { status: 'invalidated' })
  await refusal(retry, ctx, at(deleted.runId), 'run-deleted')
  const { runId } = await makeRun(ctx, { status: 'done' })
  await refusal(retry, ctx, at(runId), 'forbidden', { role: 'viewer' })
})

test('a run that is tried again is in the trace of who asked for that', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'done' })
  const traceOf = async () => {
    const [row] = await ctx.sql`select traceparent from run where id = ${run.runId}`
    return row?.['traceparent'] as unknown
  }
  await ctx.sql`update run set traceparent = 'that of the first attempt' where id = ${run.runId}`
  const { tracer, spans } = keptSpans()
  ctx.tracer = tracer
  expect((await call(retry, ctx, at(run.runId))).status).toBe(200)
  expect(await traceOf()).toBe(spans[0]?.traceparent)
})
