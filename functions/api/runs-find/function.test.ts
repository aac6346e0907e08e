import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { RunDetail } from '#shared/domain/run.ts'
import { connect } from '#shared/database/sql.ts'
import { runStatuses } from '#shared/domain/run-states.ts'
import { answer, ask, refusal, test } from '#tests/support/api.ts'
import { makeData } from '#tests/support/makers.ts'
import { makeRun, makeSimplePlan } from '#tests/support/runs.ts'
import type { TestWorld } from '#tests/support/world.ts'
import find from './function.ts'

const search = (ctx: TestWorld, query: string) =>
  answer<RunDetail[]>(find, ctx, `/api/runs${query}`)

const idsOf = async (ctx: TestWorld, query: string) =>
  (await search(ctx, query)).map(({ runId }) => runId)

const touch = (ctx: TestWorld, runId: string, time: string) =>
  ctx.sql`update run set updated_at = ${time}::timestamptz where id = ${runId}`

test('a run is shown with its plan, its inputs, its outputs and its log', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'running' })
  await touch(ctx, run.runId, '2026-01-02T03:04:05.670Z')
  const [shown, ...more] = await search(ctx, `?plan=${run.planId}`)
  expect(more).toEqual([])
  expect(Object.keys(shown ?? {})).toEqual([
    'runId',
    'status',
    'updatedAt',
    'plan',
    'inputs',
    'outputs',
    'log',
    // What is ours follows what clients of the API know.
    'attempt',
    'createdAt',
    'attempts',
  ])
  expect(shown).toEqual({
    runId: run.runId,
    status: 'running',
    updatedAt: '2026-01-02T03:04:05.67+00:00',
    plan: { planId: run.planId, image: expect.any(String), entrypoint: ['true'] },
    inputs: [{ path: '/in', tags: [expect.stringMatching(/^start:/)], knitId: run.inputs[0] }],
    outputs: [
      { path: '/out/a', tags: ['made:a'], knitId: run.outputs[0] },
      { path: '/out/b', tags: [], knitId: run.outputs[1] },
    ],
    log: { tags: ['made:log'], knitId: run.outputs[2] },
    attempt: 1,
    createdAt: expect.any(String),
    attempts: [{ attempt: 1, image: shown?.plan.image }],
  })
})

test('an upload is a run without inputs, and its log is null', async ({ ctx }) => {
  const knitId = await makeData(ctx, 'a:b')
  const [shown] = await search(ctx, `?knitIdOutput=${knitId}`)
  expect(shown).toMatchObject({
    status: 'done',
    plan: { name: 'knit#uploaded' },
    inputs: [],
    outputs: [{ path: '/upload', tags: [], knitId }],
    log: null,
  })
  expect(shown).not.toHaveProperty('exit')
  expect(await idsOf(ctx, '')).toContain(shown?.runId)
})

test('runs are listed as they were last updated, the newest last, by id among equals', async ({
  ctx,
}) => {
  const plan = await makeSimplePlan(ctx)
  const made: string[] = []
  for (const day of ['03', '01', '02', '01', '01']) {
    const { runId } = await makeRun(ctx, plan)
    await touch(ctx, runId, `2026-01-${day}T00:00:00Z`)
    made.push(runId)
  }
  const [a, b, c] = [made[1], made[3], made[4]].sort()
  expect(await idsOf(ctx, `?plan=${plan.planId}`)).toEqual([a, b, c, made[2], made[0]])
})

test('any of the ids of a list may fit, and every parameter must', async ({ ctx }) => {
  const [one, two] = [
    await makeRun(ctx, { status: 'done' }),
    await makeRun(ctx, { status: 'failed' }),
  ]
  const both = [one.runId, two.runId].sort()
  const sorted = async (query: string) => (await idsOf(ctx, query)).sort()
  expect(await sorted(`?plan=${one.planId},${two.planId}`)).toEqual(both)
  expect(await sorted(`?plan=${one.planId}&plan=${two.planId}`)).toEqual([one.runId])
  expect(await sorted(`?plan=${one.planId},${randomUUID()},nonsense`)).toEqual([one.runId])
  expect(await sorted(`?knitIdInput=${one.inputs[0]},${two.inputs[0]}`)).toEqual(both)
  expect(await sorted(`?knitIdOutput=${one.outputs[1]},${two.outputs[2]}`)).toEqual(both)
  expect(await sorted(`?knitIdOutput=${one.inputs[0]}`)).not.toContain(one.runId)
  expect(await sorted(`?knitIdInput=${one.outputs[0]}`)).toEqual([])
  expect(await sorted(`?plan=${one.planId}&knitIdInput=${two.inputs[0]}`)).toEqual([])
  expect(await sorted(`?plan=${one.planId},${two.planId}&status=failed,running`)).toEqual([
    two.runId,
  ])
})

test.for(['plan', 'knitIdInput', 'knitIdOutput'])(
  'in %s malformed ids find nothing, an empty value is absent, and an empty element is refused',
  async (name, { ctx }) => {
    const { runId } = await makeRun(ctx)
    for (const id of [
      'nonsense',
      randomUUID().toUpperCase(),
      '%00',
      "'",
      '%20',
      `%20${randomUUID()}`,
    ])
      expect(await idsOf(ctx, `?${name}=${id}`)).toEqual([])
    expect(await idsOf(ctx, `?${name}=`)).toContain(runId)
    for (const list of [',', `${randomUUID()},`, `,${randomUUID()}`, `a,,b`])
      expect(await refusal(find, ctx, `/api/runs?${name}=${list}`, 'bad-request')).toContain(name)
  },
)

test('every status but invalidated can be searched for', async ({ ctx }) => {
  const { planId, tag } = await makeSimplePlan(ctx)
  const made = new Map<string, string>()
  for (const status of runStatuses)
    made.set(status, (await makeRun(ctx, { planId, tag, status })).runId)
  for (const status of runStatuses.filter((one) => one !== 'invalidated'))
    expect(await idsOf(ctx, `?plan=${planId}&status=${status}`)).toEqual([made.get(status)])
  const all = await search(ctx, `?plan=${planId}&status=`)
  expect(new Set(all.map(({ status }) => status))).toEqual(new Set(runStatuses))
  expect(await idsOf(ctx, `?plan=${planId}&status=done&status=failed`)).toEqual([made.get('done')])
})

test.for(['invalidated', 'done,', ',done', 'done,,failed', 'done,%20failed', 'Done', 'nonsense'])(
  'status=%s is refused',
  async (status, { ctx }) => {
    const says = await refusal(find, ctx, `/api/runs?status=${status}`, 'bad-request')
    expect(says).toMatch(/"status".*waiting, ready, starting, running/)
  },
)

test('an invalidated run is listed, with no data left', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'invalidated' })
  await ctx.sql`delete from data where run_id = ${run.runId}`
  const [shown] = await search(ctx, `?plan=${run.planId}`)
  expect(shown).toMatchObject({
    status: 'invalidated',
    inputs: [{ knitId: run.inputs[0] }],
    outputs: [{ knitId: '' }, { knitId: '' }],
    log: { knitId: '' },
  })
})

test('a window is one of updatedAt', async ({ ctx }) => {
  const { runId, planId } = await makeRun(ctx)
  await touch(ctx, runId, '2026-01-01T12:00:00.5Z')
  const finds = async (query: string) => (await idsOf(ctx, `?plan=${planId}&${query}`)).length === 1
  expect(await finds('since=2026-01-01T12:00:00.5Z')).toBe(true)
  expect(await finds('since=2026-01-01T12:00:00.501Z')).toBe(false)
  expect(await finds('since=2026-01-01T12:00:00Z&duration=500ms')).toBe(false)
  expect(await finds('since=2026-01-01T12:00:00Z&duration=501ms')).toBe(true)
  expect(await finds('since=0001-01-01T00:00:00Z')).toBe(true)
  expect(await finds('since=0001-01-01T00:00:00%2B09:00')).toBe(true)
  expect(await finds('since=0001-01-01T00:00:00Z&duration=2562047h')).toBe(false)
  expect(await finds('since=9999-12-31T23:59:59-09:00')).toBe(false)
})

test('a time or a duration that is none, and a duration without since, are refused', async ({
  ctx,
}) => {
  for (const query of ['since=yesterday', 'duration=1d', 'duration=1h', 'duration=1h&since='])
    await refusal(find, ctx, `/api/runs?${query}`, 'bad-request')
})

test('without a database the answer is 503, with when to ask again', async ({ ctx }) => {
  const sql = connect('postgres://nobody:secret@127.0.0.1:1/none', { max: 1 })
  const away = { ...ctx, sql }
  expect(await refusal(find, away, '/api/runs', 'unavailable')).not.toContain('secret')
  const { headers } = await ask(find, away, '/api/runs')
  expect(headers.get('retry-after')).toBe('1')
  await sql.end({ timeout: 0 })
})

test('the exit is shown once there is one, between updatedAt and plan', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'completing' })
  await ctx.sql`update attempt set exit_code = 0, exit_message = '' where run_id = ${run.runId}`
  const [shown] = await search(ctx, `?plan=${run.planId}`)
  expect(shown?.exit).toEqual({ code: 0, message: '' })
  expect(Object.keys(shown ?? {}).slice(0, 5)).toEqual([
    'runId',
    'status',
    'updatedAt',
    'exit',
    'plan',
  ])
})

test('pretty indents, a slash at the end makes no difference, and a viewer may search', async ({
  ctx,
}) => {
  const { planId } = await makeRun(ctx)
  const query = `/api/runs/?plan=${planId}&pretty`
  const { text, body } = await ask(find, ctx, query, { role: 'viewer' })
  expect(text).toBe(`${JSON.stringify(body, null, 2)}\n`)
  expect((await ask(find, ctx, `/api/runs?plan=${randomUUID()}`)).text).toBe('[]\n')
})
