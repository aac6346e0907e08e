import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { Explanation } from '#shared/domain/explain.ts'
import { setPlanActive } from '#shared/database/plans.ts'
import { answer, refusal, test } from '#tests/support/api.ts'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { makeRun, makeRunsDue } from '#tests/support/runs.ts'
import type { TestWorld } from '#tests/support/world.ts'
import explain from './function.ts'

const own = () => `explain:${randomUUID()}`

const ask = (ctx: TestWorld, query: Record<string, string>) =>
  answer<Explanation>(explain, ctx, `/api/explain?${new URLSearchParams(query)}`, {
    role: 'viewer',
  })

test('which tags of which input a data lacks', async ({ ctx }) => {
  const [a, b] = [own(), own()]
  const data = await makeData(ctx, a)
  const plan = await makePlan(ctx, { inputs: { '/a': [a, b], '/b': [b], '/all': [a] } })
  const shown = await ask(ctx, { plan, data })
  expect(shown).toMatchObject({ planId: plan, reasons: [], data: [{ knitId: data }] })
  expect(shown.data[0]?.inputs).toMatchObject([
    { path: '/a', fits: false, missing: [b], runs: [], reasons: [] },
    { path: '/b', fits: false, missing: [b], runs: [], reasons: [] },
    { path: '/all', fits: true, missing: [] },
  ])
})

test('an id or a time that an input asks for and that is another one', async ({ ctx }) => {
  const tag = own()
  const data = await makeData(ctx, tag)
  const other = randomUUID()
  const time = 'knit#timestamp:2020-01-02T03:04:05+00:00'
  const plan = await makePlan(ctx, {
    inputs: { '/id': [`knit#id:${other}`], '/time': [tag, time], '/own': [`knit#id:${data}`] },
  })
  const { data: shown } = await ask(ctx, { plan, data })
  expect(shown[0]?.inputs.map(({ missing }) => missing)).toEqual([[`knit#id:${other}`], [time], []])
})

test('which run already has the data, and that there is nothing for another input', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'running' })
  const shown = await ask(ctx, { plan: run.planId, data: run.inputs[0] ?? '' })
  const reader = { runId: run.runId, status: 'running' }
  expect(shown.data[0]?.inputs).toEqual([
    { path: '/in', fits: true, missing: [], runs: [reader], reasons: [] },
  ])
  const [a, b] = [own(), own()]
  const data = await makeData(ctx, a)
  const plan = await makePlan(ctx, { inputs: { '/a': [a], '/b': [b] } })
  await makeRunsDue(ctx, plan)
  const [first] = (await ask(ctx, { plan, data })).data[0]?.inputs ?? []
  expect(first).toMatchObject({ fits: true, runs: [] })
  expect(first?.reasons.join()).toContain('nothing has been found for the input /b')
})

test('a run that was deleted is told, as its combination is never made again', async ({ ctx }) => {
  const { planId, runId, inputs } = await makeRun(ctx, { status: 'invalidated' })
  const shown = await ask(ctx, { plan: planId, data: inputs[0] ?? '' })
  expect(shown.data[0]?.inputs[0]?.reasons.join()).toContain(`${runId} was deleted`)
})

test('data that is not ready, or is still being matched, says so', async ({ ctx }) => {
  const { outputs, runId } = await makeRun(ctx, { status: 'running' })
  const plan = await makePlan(ctx, { inputs: { '/in': ['made:a'] } })
  const running = await ask(ctx, { plan, run: runId })
  expect(running.data.map(({ knitId }) => knitId)).toEqual(outputs)
  expect(running.data[0]?.inputs).toMatchObject([
    { fits: false, missing: [], reasons: [expect.stringContaining('is running')] },
  ])
  expect(running.data[1]?.inputs).toMatchObject([{ fits: false, missing: ['made:a'] }])
  expect(running).not.toHaveProperty('run')
  const tag = own()
  const fresh = await ask(ctx, {
    plan: await makePlan(ctx, { inputs: { '/in': [tag] } }),
    data: await makeData(ctx, tag),
  })
  expect(fresh.data[0]?.inputs[0]?.reasons).toContain('it is still being matched')
})

test('what a run of the plan waits for', async ({ ctx }) => {
  const { planId, runId, inputs } = await makeRun(ctx)
  const shown = await ask(ctx, { plan: planId, run: runId })
  expect(shown.run).toEqual({ runId, status: 'waiting' })
  expect(shown.data.map(({ knitId }) => knitId)).toEqual(inputs)
  expect(shown.reasons).toEqual([
    expect.stringContaining('the run is waiting'),
    expect.stringMatching(/place \d+ of \d+/),
  ])
})

test('an inactive plan and a paused one hold all', async ({ ctx }) => {
  const tag = own()
  const plan = await makePlan(ctx, { inputs: { '/in': [tag] } })
  const data = await makeData(ctx, tag)
  await setPlanActive(ctx.sql, plan, false, { actor: 'test' })
  await ctx.sql`update plan set would_create = 1e9 where id = ${plan}`
  expect((await ask(ctx, { plan, data })).reasons).toEqual([
    expect.stringContaining('inactive'),
    expect.stringContaining('paused'),
  ])
})

test('what is not there is 404, and what is not named 400', async ({ ctx }) => {
  const plan = await makePlan(ctx, { inputs: { '/in': ['a:1'] } })
  const data = await makeData(ctx)
  const { runId } = await makeRun(ctx)
  const none = randomUUID()
  const refused = (query: Record<string, string>, code: Parameters<typeof refusal>[3]) =>
    refusal(explain, ctx, `/api/explain?${new URLSearchParams(query)}`, code)
  await refused({ plan: none, data }, 'plan-not-found')
  await refused({ plan, data: none }, 'data-not-found')
  await refused({ plan, run: none }, 'run-not-found')
  for (const query of [
    {},
    { plan },
    { plan, data, run: runId },
    { plan: 'x', data },
    { plan, data: 'x' },
  ])
    await refused(query as Record<string, string>, 'bad-request')
})
