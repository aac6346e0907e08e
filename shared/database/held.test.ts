import { expect } from 'vitest'
import { makeRun } from '#tests/support/runs.ts'
import { test } from '#tests/support/world.ts'
import { findDue } from './due.ts'
import { freeAll } from './held.ts'

test.for(['starting', 'running'] as const)(
  'a program that was %s when nobody was left to be told of its end is looked at at once',
  async (status, { ctx }) => {
    const { sql } = ctx
    const { runId } = await makeRun(ctx, { status })
    await sql`update run set due_at = now() + interval '30 s'`
    expect(await findDue(sql, 10, 1)).toEqual([])
    await freeAll(sql)
    expect(await findDue(sql, 10, 1)).toMatchObject([{ name: 'run.starting', subject: runId }])
  },
)

test('what was put off before it began stays put off', async ({ ctx }) => {
  await makeRun(ctx, { status: 'ready' })
  await ctx.sql`update run set due_at = now() + interval '30 s'`
  await freeAll(ctx.sql)
  expect(await findDue(ctx.sql, 10, 1)).toEqual([])
})
