import { expect } from 'vitest'
import { beginUpload, completeUpload, renewUpload } from '#shared/database/data.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { historyOf, measured, passTime } from '#tests/support/runs.ts'
import { outbox, test, tick, type TestWorld } from '#tests/support/world.ts'
import cleanAgents from './function.ts'

const by = { actor: 'test' }

const begin = (ctx: TestWorld) => beginUpload(ctx.sql, [], 60, by)
const agents = async (ctx: TestWorld): Promise<number> => (await ctx.sql`select from agent`).length

test('an upload whose handler gave no sign of life is taken back, with its volume', async ({
  ctx,
}) => {
  const upload = await begin(ctx)
  await passTime(ctx)
  expect((await tick(cleanAgents, ctx)).status).toBe(202)
  expect(await ctx.sql`select from data`).toHaveLength(0)
  expect(await agents(ctx)).toBe(0)
  const garbage = await ctx.sql<{ volume: string }[]>`select volume from garbage`
  expect(garbage.map(({ volume }) => volume)).toEqual([volumeOf(upload.knitId)])
  expect(await historyOf(ctx, upload.run.id)).toEqual(['running', 'failed'])
  expect(await outbox(ctx)).toEqual([{ type: 'volume.dropped', data: {} }])
})

test('an upload in progress is left alone', async ({ ctx }) => {
  const upload = await begin(ctx)
  await passTime(ctx)
  await renewUpload(ctx.sql, upload, 60)
  await tick(cleanAgents, ctx)
  expect(await agents(ctx)).toBe(1)
  expect(await completeUpload(ctx.sql, upload, measured, by)).toBe(true)
})

test('a handler that wakes up after its upload was taken back makes no data', async ({ ctx }) => {
  const upload = await begin(ctx)
  await passTime(ctx)
  await tick(cleanAgents, ctx)
  expect(await renewUpload(ctx.sql, upload, 60)).toBe(false)
  expect(await completeUpload(ctx.sql, upload, measured, by)).toBe(false)
  expect(await ctx.sql`select from data`).toHaveLength(0)
})

test('an upload that was completed is data for good', async ({ ctx }) => {
  const upload = await begin(ctx)
  await completeUpload(ctx.sql, upload, measured, by)
  await passTime(ctx)
  await tick(cleanAgents, ctx)
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
  await tick(cleanAgents, ctx)
  expect(await ctx.sql`select from data`).toHaveLength(2)
  expect(await agents(ctx)).toBe(1)
})
