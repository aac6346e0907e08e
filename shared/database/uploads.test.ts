import { expect } from 'vitest'
import { parseTag } from '#shared/domain/tag.ts'
import { historyOf, measured } from '#tests/support/runs.ts'
import { outbox, test } from '#tests/support/world.ts'
import { showData } from './data-view.ts'
import { beginUpload, completeUpload, discardUpload, renewUpload } from './uploads.ts'

const by = { actor: 'test' }

test('an upload is done, measured and known to be matched, in one step', async ({ ctx }) => {
  const upload = await beginUpload(ctx.sql, [parseTag('a:1')], 60, by)
  const [before] = await showData(ctx.sql, [upload.knitId])
  expect(before).toMatchObject({
    tags: ['a:1', `knit#id:${upload.knitId}`, 'knit#transient:processing'],
    upstream: { mountpoint: { path: '/upload', tags: [] }, run: { status: 'running' } },
  })
  expect(await completeUpload(ctx.sql, upload, measured, by)).toBe(true)
  const [after] = await showData(ctx.sql, [upload.knitId])
  expect(after?.upstream.run).toMatchObject({ status: 'done', plan: { name: 'knit#uploaded' } })
  expect(after?.upstream.run.exit).toBeUndefined()
  expect(await historyOf(ctx, upload.run.id)).toEqual(['running', 'completing', 'done'])
  expect(await ctx.sql`select bytes, files, digest from data`).toEqual([
    { bytes: '7', files: '2', digest: measured.digest },
  ])
  expect(await ctx.sql`select from match_task`).toHaveLength(1)
  expect((await outbox(ctx)).at(-1)).toMatchObject({ type: 'data.ready' })
  expect(await ctx.sql`select from agent`).toHaveLength(0)
})

test('an upload that was discarded leaves no data and no run, only its history and its garbage', async ({
  ctx,
}) => {
  const upload = await beginUpload(ctx.sql, [], 60, by)
  await discardUpload(ctx.sql, upload, 'broken \0 pipe', by)
  await discardUpload(ctx.sql, upload, 'again', by)
  expect(await ctx.sql`select from run`).toHaveLength(0)
  expect(await ctx.sql`select from data`).toHaveLength(0)
  expect(await historyOf(ctx, upload.run.id)).toEqual(['running', 'aborting', 'failed'])
  expect(await ctx.sql`select from garbage`).toHaveLength(1)
  expect(await renewUpload(ctx.sql, upload, 60)).toBe(false)
})

test('an upload that was completed cannot be discarded, whoever was late', async ({ ctx }) => {
  const upload = await beginUpload(ctx.sql, [], 60, by)
  await completeUpload(ctx.sql, upload, measured, by)
  await discardUpload(ctx.sql, upload, 'too late', by)
  expect(await ctx.sql`select ready from data`).toEqual([{ ready: true }])
  expect(await ctx.sql`select from garbage`).toHaveLength(0)
})
