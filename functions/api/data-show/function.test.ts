import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { DataDetail } from '#shared/domain/data.ts'
import { answer, refusal, test } from '#tests/support/api.ts'
import { makeData } from '#tests/support/makers.ts'
import { makeRun } from '#tests/support/runs.ts'
import find from '../data-find/function.ts'
import show from './function.ts'

const at = (knitId: string) => `/api/data/${knitId}/metadata`

test('data is shown as a search shows it, without a byte of it being read', async ({ ctx }) => {
  const knitId = await makeData(ctx, 'a:1')
  const shown = await answer<DataDetail>(show, ctx, at(knitId), { role: 'viewer' })
  const query = `tag=${encodeURIComponent(`knit#id:${knitId}`)}`
  expect([shown]).toEqual(await answer(find, ctx, `/api/data?${query}`))
  expect(shown.tags).toContain('a:1')
})

test('what it holds is told once it is known', async ({ ctx }) => {
  const knitId = await makeData(ctx)
  const { content } = await answer<DataDetail>(show, ctx, at(knitId))
  expect(content).toEqual({ bytes: 1, files: 1, digest: 'sha256:test' })
  const { outputs } = await makeRun(ctx, { status: 'running' })
  expect(await answer(show, ctx, at(outputs[0] ?? ''))).not.toHaveProperty('content')
})

test('more bytes than 32 bits can count are told as they are', async ({ ctx }) => {
  const knitId = await makeData(ctx)
  await ctx.sql`update data set bytes = 5000000000000 where id = ${knitId}`
  const { content } = await answer<DataDetail>(show, ctx, at(knitId))
  expect(content?.bytes).toBe(5_000_000_000_000)
})

test.for([randomUUID(), 'nonsense', randomUUID().toUpperCase()])(
  'the id %s is 404',
  async (id, { ctx }) => {
    await refusal(show, ctx, at(id), 'data-not-found')
  },
)
