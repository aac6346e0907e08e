import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import {
  beginUpload,
  completeUpload,
  discardUpload,
  renewUpload,
} from '#shared/database/uploads.ts'
import { beginImport } from '#shared/database/imports.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { historyOf, makeRun, measured, passTime, readRun } from '#tests/support/runs.ts'
import { until } from '#tests/support/until.ts'
import { deliver, outbox, test, tick, type TestWorld } from '#tests/support/world.ts'
import collectGarbage from '../collect-garbage/function.ts'
import finishRun from '../finish-run/function.ts'
import cleanUp from './function.ts'

const by = { actor: 'test' }

const begin = (ctx: TestWorld) => beginUpload(ctx.sql, [], 60, by)
const agents = async (ctx: TestWorld): Promise<number> => (await ctx.sql`select from agent`).length

test('an upload whose handler gave no sign of life is taken back, with its volume', async ({
  ctx,
}) => {
  const upload = await begin(ctx)
  await passTime(ctx)
  expect((await tick(cleanUp, ctx)).status).toBe(202)
  expect(await ctx.sql`select from data`).toHaveLength(0)
  expect(await agents(ctx)).toBe(0)
  const garbage = await ctx.sql<{ volume: string }[]>`select volume from garbage`
  expect(garbage.map(({ volume }) => volume)).toEqual([volumeOf(upload.knitId)])
  expect(await historyOf(ctx, upload.run.id)).toEqual(['running', 'aborting', 'failed'])
  expect(await outbox(ctx)).toEqual([{ type: 'volume.dropped', data: {} }])
})

test('a volume that is made again after it was deleted is removed', async ({ ctx }) => {
  const kept = await begin(ctx)
  const late = await begin(ctx)
  await ctx.sql.begin((tx) => discardUpload(tx, late, 'ended by its user', by))
  await deliver(collectGarbage, ctx, 'volume.dropped', {})
  for (const { knitId } of [kept, late]) await ctx.cluster.ensureVolume({ name: volumeOf(knitId) })
  await tick(cleanUp, ctx)
  const garbage = await ctx.sql<{ volume: string }[]>`select volume from garbage`
  expect(garbage.map(({ volume }) => volume)).toEqual([volumeOf(late.knitId)])
})

test('a volume that the database knows nothing of is kept: the database may be that of a backup', async ({
  ctx,
}) => {
  await ctx.cluster.ensureVolume({ name: volumeOf(randomUUID()) })
  await tick(cleanUp, ctx)
  expect(await ctx.sql`select from garbage`).toHaveLength(0)
})

test('an upload in progress is left alone', async ({ ctx }) => {
  const upload = await begin(ctx)
  await passTime(ctx)
  await renewUpload(ctx.sql, upload, 60)
  await tick(cleanUp, ctx)
  expect(await agents(ctx)).toBe(1)
  expect(await completeUpload(ctx.sql, upload, measured, by)).toBe(true)
})

test('a handler that renews its lease in the last moment keeps its upload', async ({ ctx }) => {
  const upload = await begin(ctx)
  await passTime(ctx)
  const renewed = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  const renewing = ctx.sql.begin(async (tx) => {
    await renewUpload(tx, upload, 60)
    renewed.resolve()
    await gate.promise
  })
  await renewed.promise
  // It sees the lease that has passed, and waits for the run.
  const cleaning = tick(cleanUp, ctx)
  await until(async () => {
    const waiting = await ctx.sql`
      select from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock'`
    return waiting.length === 1
  })
  gate.resolve()
  await Promise.all([renewing, cleaning])
  expect(await completeUpload(ctx.sql, upload, measured, by)).toBe(true)
})

test('a handler that wakes up after its upload was taken back makes no data', async ({ ctx }) => {
  const upload = await begin(ctx)
  await passTime(ctx)
  await tick(cleanUp, ctx)
  expect(await renewUpload(ctx.sql, upload, 60)).toBe(false)
  expect(await completeUpload(ctx.sql, upload, measured, by)).toBe(false)
  expect(await ctx.sql`select from data`).toHaveLength(0)
})

/** An import that its importer began half an hour before it has to be ended. */
async function makeImport({ sql }: TestWorld): Promise<string> {
  const { runId } = await sql.begin((tx) => beginImport(tx, 30 * 60, by))
  return runId
}

test('an import that nobody ended in time fails, and is there to be looked at and deleted', async ({
  ctx,
}) => {
  ctx.config = { ...ctx.config, hooksAfter: ['http://127.0.0.1:1/'] }
  const runId = await makeImport(ctx)
  await tick(cleanUp, ctx)
  expect(await readRun(ctx, runId)).toMatchObject({ status: 'running' })
  await passTime(ctx)
  await tick(cleanUp, ctx)
  const reason = 'the import was not ended in time'
  expect(await readRun(ctx, runId)).toMatchObject({ status: 'aborting', reason, claim: null })
  expect(await agents(ctx)).toBe(0)
  expect(await ctx.sql`select status from hook_delivery`).toEqual([{ status: 'aborting' }])
  await deliver(finishRun, ctx, 'run.aborting', { runId, attempt: 1 })
  expect(await readRun(ctx, runId)).toMatchObject({ status: 'failed' })
  expect(await ctx.sql`select from data where run_id = ${runId}`).toHaveLength(1)
})

test('an upload that was completed is data for good', async ({ ctx }) => {
  const upload = await begin(ctx)
  await completeUpload(ctx.sql, upload, measured, by)
  await passTime(ctx)
  await tick(cleanUp, ctx)
  expect(await ctx.sql`select id from data where ready`).toEqual([{ id: upload.knitId }])
  expect(await agents(ctx)).toBe(0)
})

test('a lease on data nobody writes any more is removed, and the data stay', async ({ ctx }) => {
  const aborted = await begin(ctx)
  for (const status of ['aborting', 'failed'])
    await ctx.sql`
      update run set status = ${status}, claim = null, claimed_by = null, claimed_until = null
       where id = ${aborted.run.id}`
  const read = await begin(ctx)
  await completeUpload(ctx.sql, read, measured, by)
  await ctx.sql`
    insert into agent (knit_id, mode, lease_until)
    values (${read.knitId}, 'read', now() - interval '1 s'), (${read.knitId}, 'read', now() + interval '9 h')`
  await ctx.sql`update agent set lease_until = now() - interval '1 s' where mode = 'write'`
  await tick(cleanUp, ctx)
  expect(await ctx.sql`select from data`).toHaveLength(2)
  expect(await agents(ctx)).toBe(1)
})

/** History that was kept long enough, of a run that has ended. */
async function leaveHistory(ctx: TestWorld, lines: number): Promise<string> {
  const { runId } = await makeRun(ctx, { status: 'done' })
  await ctx.sql`
    insert into run_history (run_id, attempt, status, actor)
    select ${runId}, 1, 'done', 'test'
      from generate_series(1, ${lines})`
  await ctx.sql`update run_history set at = now() - interval '2 years'`
  return runId
}

test('what was kept long enough is forgotten at once, however much it is', async ({ ctx }) => {
  const runId = await leaveHistory(ctx, 2500)
  const recent = await makeRun(ctx, { status: 'done' })
  await tick(cleanUp, ctx)
  expect(await historyOf(ctx, runId)).toEqual([])
  expect(await historyOf(ctx, recent.runId)).not.toEqual([])
})

test('a cluster that does not answer keeps nothing from being forgotten', async ({ ctx }) => {
  const runId = await leaveHistory(ctx, 1)
  ctx.transfers.tidyTransfers = () => Promise.reject(new Error('the API server is away'))
  expect((await tick(cleanUp, ctx)).status).toBe(500)
  expect(await historyOf(ctx, runId)).toEqual([])
})
