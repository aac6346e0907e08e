import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { RunDetail } from '#shared/domain/run.ts'
import { runStatuses } from '#shared/domain/run-states.ts'
import { answer, ask, refusal, test } from '#tests/support/api.ts'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { makeRun, makeRunsDue } from '#tests/support/runs.ts'
import find from '../runs-find/function.ts'
import show from './function.ts'

test('a run of every status is shown, as a search shows it', async ({ ctx }) => {
  for (const status of runStatuses) {
    const { runId, planId } = await makeRun(ctx, { status })
    const shown = await answer<RunDetail>(show, ctx, `/api/runs/${runId}`)
    expect(shown.status).toBe(status)
    expect(await answer(find, ctx, `/api/runs?plan=${planId}`)).toEqual([shown])
    expect(await answer(show, ctx, `/api/runs/${runId}/`)).toEqual(shown)
  }
})

test('the exit is that of the current attempt, and gone when it is run again', async ({ ctx }) => {
  const { runId } = await makeRun(ctx, { status: 'failed' })
  await ctx.sql`
    insert into attempt (run_id, number, exit_code, exit_message) values (${runId}, 1, 1, 'no <way>')`
  const path = `/api/runs/${runId}`
  const failed = await answer<RunDetail>(show, ctx, path)
  expect(failed.exit).toEqual({ code: 1, message: 'no <way>' })
  await ctx.sql`update run set status = 'waiting', attempt = 2 where id = ${runId}`
  expect(await answer(show, ctx, path)).not.toHaveProperty('exit')
})

test('inputs and outputs are in the order of the plan', async ({ ctx }) => {
  const knitId = await makeData(ctx, 'order:1')
  const planId = await makePlan(ctx, {
    inputs: { '/in/z': ['order:1'], '/in/a': ['order:1'], '/in/m': ['order:1'] },
    outputs: { '/out/z': [], '/out/a': [], '/out/10': [], '/out/9': [] },
  })
  await makeRunsDue(ctx, planId)
  const [run] = await answer<RunDetail[]>(find, ctx, `/api/runs?plan=${planId}`)
  const shown = await answer<RunDetail>(show, ctx, `/api/runs/${run?.runId}`)
  expect(shown.inputs).toEqual(
    ['/in/z', '/in/a', '/in/m'].map((path) => ({ path, tags: ['order:1'], knitId })),
  )
  expect(shown.outputs.map(({ path }) => path)).toEqual(['/out/z', '/out/a', '/out/10', '/out/9'])
  expect(shown.log).toBeNull()
})

test.for([randomUUID(), 'nonsense', '%00', '%zz', `${randomUUID()}%20`, "'--", ''])(
  'the id "%s" is 404',
  async (id, { ctx }) => {
    await refusal(show, ctx, `/api/runs/${id}${id === '' ? '/' : ''}`, 'run-not-found')
  },
)

test('pretty indents, and a viewer may see', async ({ ctx }) => {
  const { runId } = await makeRun(ctx)
  const { text, body } = await ask(show, ctx, `/api/runs/${runId}?pretty`, { role: 'viewer' })
  expect(text).toBe(`${JSON.stringify(body, null, 2)}\n`)
})
