import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { mayBeMovedByUser } from '#shared/domain/run-states.ts'
import type { RunDetail } from '#shared/domain/run.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { beginUpload, completeUpload } from '#shared/database/uploads.ts'
import { answer, refusal, test } from '#tests/support/api.ts'
import { makeData } from '#tests/support/makers.ts'
import {
  historyOf,
  makeReader,
  makeRun,
  makeRunsDue,
  makeSimplePlan,
  measured,
} from '#tests/support/runs.ts'
import { call, deliver, type TestWorld } from '#tests/support/world.ts'
import matchData from '../../steps/match-data/function.ts'
import projectRuns from '../../steps/project-runs/function.ts'
import show from '../runs-show/function.ts'
import remove from './function.ts'

const at = (runId: string) => `/api/runs/${runId}`
const by = { actor: 'test' }

async function deleted(ctx: TestWorld, runId: string): Promise<void> {
  const response = await call(remove, ctx, at(runId))
  expect({ status: response.status, text: await response.text() }).toEqual({
    status: 204,
    text: '',
  })
  expect(response.headers.get('content-type')).toBe('application/json')
}

test.for(['done', 'failed'] as const)(
  'a run that is %s becomes a tombstone: its data are gone, its volumes garbage',
  async (status, { ctx }) => {
    const run = await makeRun(ctx, { status })
    await ctx.sql`delete from outbox`
    await deleted(ctx, run.runId)
    expect(await answer<RunDetail>(show, ctx, at(run.runId))).toMatchObject({
      status: 'invalidated',
      inputs: [{ knitId: run.inputs[0] }],
      outputs: [{ knitId: '' }, { knitId: '' }],
    })
    expect(await ctx.sql`select from data where run_id = ${run.runId}`).toHaveLength(0)
    const garbage = await ctx.sql<{ volume: string }[]>`select volume from garbage`
    expect(garbage.map(({ volume }) => volume)).toEqual(
      expect.arrayContaining(run.outputs.map(volumeOf)),
    )
    const [last] = await ctx.sql`
      select from_status as "from", status, actor, reason
        from run_history where run_id = ${run.runId} order by id desc limit 1`
    expect(last).toEqual({
      from: status,
      status: 'invalidated',
      actor: 'ann',
      reason: 'deleted by user',
    })
    const told = await ctx.sql<{ type: string }[]>`select type from outbox`
    expect(told.map(({ type }) => type).toSorted()).toEqual(['run.invalidated', 'volume.dropped'])
    await refusal(remove, ctx, at(run.runId), 'run-deleted')
  },
)

test('its combination is never made again while its inputs are there', async ({ ctx }) => {
  const plan = await makeSimplePlan(ctx)
  const run = await makeRun(ctx, { ...plan, status: 'done' })
  await deleted(ctx, run.runId)
  await ctx.sql`update nomination set due = true where plan_id = ${plan.planId}`
  await makeRunsDue(ctx, plan.planId)
  const runs = await ctx.sql`select id from run where plan_id = ${plan.planId}`
  expect(runs).toEqual([{ id: run.runId }])
})

test('an upload that is deleted takes the tombstones of its readers along, and leaves its history', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'done' })
  const [source] = await ctx.sql<{ runId: string }[]>`
    select run_id as "runId" from data where id = ${run.inputs[0] ?? ''}`
  const upload = source?.runId ?? ''
  const detail = await refusal(remove, ctx, at(upload), 'run-in-use')
  expect(detail).toContain(run.runId)
  await deleted(ctx, run.runId)
  await deleted(ctx, upload)
  await refusal(show, ctx, at(upload), 'run-not-found')
  await refusal(show, ctx, at(run.runId), 'run-not-found')
  expect(await ctx.sql`select from data where id = ${run.inputs[0] ?? ''}`).toHaveLength(0)
  expect(await ctx.sql`select from nomination where knit_id = ${run.inputs[0] ?? ''}`).toHaveLength(
    0,
  )
  expect((await historyOf(ctx, upload)).at(-1)).toBe('invalidated')
})

test.for(['waiting', 'ready', 'starting', 'running', 'completing', 'aborting'] as const)(
  'a run that is %s has not ended, and is not deleted; it is to be aborted first only where it can be',
  async (status, { ctx }) => {
    const { runId } = await makeRun(ctx, { status })
    const before = await ctx.sql`select * from run where id = ${runId}`
    const advice = await refusal(remove, ctx, at(runId), 'run-not-finished')
    expect(advice.includes('abort it first')).toBe(mayBeMovedByUser(status, 'aborting'))
    expect(await ctx.sql`select * from run where id = ${runId}`).toEqual(before)
  },
)

test('a run that is held would be waited for in vain: it is to be aborted first', async ({
  ctx,
}) => {
  const { runId, planId } = await makeRun(ctx, { status: 'deactivated' })
  const detail = await refusal(remove, ctx, at(runId), 'run-held')
  expect(detail).toContain(`until its plan ${planId} is active`)
  expect(detail).toContain('abort it first')
})

test.for(['deactivated', 'waiting', 'running', 'done', 'failed'] as const)(
  'a run whose data is read by one that is %s is not deleted, and that one is named',
  async (status, { ctx }) => {
    const run = await makeRun(ctx, { status: 'done' })
    const reader = await makeReader(ctx, run, status)
    expect(await refusal(remove, ctx, at(run.runId), 'run-in-use')).toContain(reader)
    expect(await ctx.sql`select from data where run_id = ${run.runId}`).toHaveLength(3)
  },
)

test('an upload in progress is not deleted, nor data that is being downloaded', async ({ ctx }) => {
  const upload = await beginUpload(ctx.sql, [], 60, by)
  await refusal(remove, ctx, at(upload.run.id), 'run-not-finished')
  await completeUpload(ctx.sql, upload, measured, by)
  await ctx.sql`
    insert into agent (knit_id, mode, lease_until)
    values (${upload.knitId}, 'read', now() + interval '1 minute')`
  await refusal(remove, ctx, at(upload.run.id), 'data-in-transfer')
  await ctx.sql`update agent set lease_until = now()`
  await deleted(ctx, upload.run.id)
  expect(await ctx.sql`select from agent where knit_id = ${upload.knitId}`).toHaveLength(0)
})

test('of a deletion and a projection at the same time one finds out about the other, and none fails', async ({
  ctx,
}) => {
  const { planId, tag } = await makeSimplePlan(ctx)
  const outcomes = new Set<string>()
  for (let round = 0; round < 30; round += 1) {
    const knitId = await makeData(ctx, tag)
    const [source] = await ctx.sql<{ runId: string }[]>`
      select run_id as "runId" from data where id = ${knitId}`
    await deliver(matchData, ctx, 'data.tagged', { knitId })
    const [response, projected] = await Promise.all([
      call(remove, ctx, at(source?.runId ?? '')),
      deliver(projectRuns, ctx, 'data.nominated', { planId }),
    ])
    expect(projected.status).toBe(202)
    const readers = await ctx.sql`select from assign where knit_id = ${knitId}`
    outcomes.add(`${response.status} ${readers.length}`)
  }
  expect(['204 0', '409 1']).toEqual(expect.arrayContaining([...outcomes]))
})

test('an unknown run is 404, and a viewer may not', async ({ ctx }) => {
  await refusal(remove, ctx, at(randomUUID()), 'run-not-found')
  const { runId } = await makeRun(ctx, { status: 'done' })
  await refusal(remove, ctx, at(runId), 'forbidden', { role: 'viewer' })
})
