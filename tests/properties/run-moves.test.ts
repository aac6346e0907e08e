import * as fc from 'fast-check'
import { expect } from 'vitest'
import { mayMove, runStatuses, type RunStatus } from '#shared/domain/run-states.ts'
import { sqlState } from '#shared/database/sql.ts'
import { makeSimplePlan } from '#tests/support/runs.ts'
import { test, type TestWorld } from '#tests/support/world.ts'

const checkViolation = '23514'

async function insertRun(ctx: TestWorld, planId: string, status: RunStatus): Promise<string> {
  const [run] = await ctx.sql<{ id: string }[]>`
    insert into run (plan_id, status) values (${planId}, ${status}) returning id`
  return run?.id ?? ''
}

/** True when the database lets the run go there. Throws what is no word on the move. */
async function moves(ctx: TestWorld, runId: string, to: string): Promise<boolean> {
  try {
    await ctx.sql`update run set status = ${to} where id = ${runId}`
    return true
  } catch (error) {
    if (sqlState(error) === checkViolation) return false
    throw error
  }
}

test('the database lets a run make every move of the state table, and none besides', async ({
  ctx,
}) => {
  const { planId } = await makeSimplePlan(ctx)
  const wrong: string[] = []
  for (const from of runStatuses)
    for (const to of runStatuses) {
      const runId = await insertRun(ctx, planId, from)
      const legal = from === to || mayMove(from, to)
      if ((await moves(ctx, runId, to)) !== legal) wrong.push(`${from} -> ${to}`)
    }
  expect(wrong).toEqual([])
})

test('the database knows no status beside those of the table', async ({ ctx }) => {
  const { planId } = await makeSimplePlan(ctx)
  const runId = await insertRun(ctx, planId, 'waiting')
  for (const status of ['', 'Waiting', 'waiting ', 'purged'])
    expect(await moves(ctx, runId, status)).toBe(false)
})

test('however moves are tried one after the other, a run is where the table lets it be', async ({
  ctx,
}) => {
  const { planId } = await makeSimplePlan(ctx)
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...runStatuses), { maxLength: 15 }),
      async (tries) => {
        const runId = await insertRun(ctx, planId, 'waiting')
        let status: RunStatus = 'waiting'
        for (const to of tries)
          if (await moves(ctx, runId, to)) {
            expect(status === to || mayMove(status, to)).toBe(true)
            status = to
          }
        expect(await ctx.sql`select status from run where id = ${runId}`).toEqual([{ status }])
      },
    ),
    { numRuns: 30 },
  )
})
