import { expect } from 'vitest'
import { makeRun } from '#tests/support/runs.ts'
import { test } from '#tests/support/world.ts'
import { loadWork } from './work.ts'

test('an attempt that another one has followed has no work: the outputs are those of the other', async ({
  ctx,
}) => {
  const { runId, outputs } = await makeRun(ctx)
  const work = await loadWork(ctx.sql, { id: runId, attempt: 1 })
  expect(work?.outputs.map(({ knitId }) => knitId)).toEqual(outputs)
  await ctx.sql`update run set attempt = 2 where id = ${runId}`
  expect(await loadWork(ctx.sql, { id: runId, attempt: 1 })).toBeUndefined()
})
