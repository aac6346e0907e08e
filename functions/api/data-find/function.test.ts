import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { DataDetail } from '#shared/domain/data.ts'
import { answer, ask, refusal, test } from '#tests/support/api.ts'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { makeRun, makeRunsDue, makeSimplePlan } from '#tests/support/runs.ts'
import type { TestWorld } from '#tests/support/world.ts'
import find from './function.ts'

const search = (ctx: TestWorld, query: string) =>
  answer<DataDetail[]>(find, ctx, `/api/data${query}`)

const idsOf = async (ctx: TestWorld, query: string) =>
  (await search(ctx, query)).map(({ knitId }) => knitId)

const tagged = (...tags: string[]) =>
  `?${tags.map((tag) => `tag=${encodeURIComponent(tag)}`).join('&')}`

/** A tag nobody else uses. */
const own = (): string => `own:${randomUUID()}`

const endAt = (ctx: TestWorld, knitId: string, time: string) =>
  ctx.sql`update data set ended_at = ${time}::timestamptz where id = ${knitId}`

test('nothing to be found is an empty list', async ({ ctx }) => {
  const { text } = await ask(find, ctx, `/api/data${tagged(own())}`)
  expect(text).toBe('[]\n')
})

test('data of a run shows what made it, what read it, and the inputs it fits', async ({ ctx }) => {
  const plan = await makeSimplePlan(ctx)
  const run = await makeRun(ctx, { ...plan, status: 'done' })
  const [source] = await search(ctx, tagged(`knit#id:${run.inputs[0]}`))
  const shownRun = {
    runId: run.runId,
    status: 'done',
    updatedAt: expect.stringMatching(/\+00:00$/),
    plan: { planId: plan.planId, image: expect.any(String), entrypoint: ['true'] },
  }
  const mountpoint = { path: '/in', tags: [plan.tag] }
  expect(source?.downstreams).toEqual([{ mountpoint, run: shownRun }])
  expect(source?.nomination).toEqual([{ ...mountpoint, plan: shownRun.plan }])
  expect(Object.keys(source?.downstreams[0]?.run ?? {})).toEqual([
    'runId',
    'status',
    'updatedAt',
    'plan',
  ])
  const [output] = await search(ctx, tagged(`knit#id:${run.outputs[0]}`))
  expect(output).toEqual({
    knitId: run.outputs[0],
    tags: [`knit#id:${run.outputs[0]}`, 'made:a'],
    upstream: { mountpoint: { path: '/out/a', tags: ['made:a'] }, run: shownRun },
    downstreams: [],
    nomination: [],
  })
  const [log] = await search(ctx, tagged(`knit#id:${run.outputs[2]}`))
  expect(log?.upstream).toEqual({ log: { tags: ['made:log'] }, run: shownRun })
})

test('data that fits inputs of several plans shows every one of them', async ({ ctx }) => {
  const [a, b] = [own(), own()]
  const knitId = await makeData(ctx, a, b)
  const first = await makePlan(ctx, { inputs: { '/in/1': [a], '/in/2': [b] } })
  const second = await makePlan(ctx, { inputs: { '/in': [a, b] } })
  await makeRunsDue(ctx, first)
  await makeRunsDue(ctx, second)
  const [shown] = await search(ctx, tagged(a))
  expect(shown?.nomination.map(({ path, plan }) => `${plan.planId} ${path}`).sort()).toEqual(
    [`${first} /in/1`, `${first} /in/2`, `${second} /in`].sort(),
  )
  // The same data in two inputs of one plan: one run, which is listed twice.
  const twice = shown?.downstreams.filter(({ run }) => run.plan.planId === first)
  expect(twice?.map(({ mountpoint }) => mountpoint.path)).toEqual(['/in/1', '/in/2'])
  expect(new Set(twice?.map(({ run }) => run.runId)).size).toBe(1)
  expect(await idsOf(ctx, tagged(a))).toEqual([knitId])
})

test('an invalidated run is no downstream', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'invalidated' })
  const [shown] = await search(ctx, tagged(`knit#id:${run.inputs[0]}`))
  expect(shown?.downstreams).toEqual([])
})

test('the exit of a run is shown beside its data', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'failed' })
  await ctx.sql`
    insert into attempt (run_id, number, exit_code, exit_message)
    values (${run.runId}, 1, 3, '(container main) <Error>')`
  const [shown] = await search(ctx, tagged(`knit#id:${run.outputs[0]}`))
  expect(shown?.upstream.run.exit).toEqual({ code: 3, message: '(container main) <Error>' })
  expect(Object.keys(shown?.upstream.run ?? {})).toEqual([
    'runId',
    'status',
    'updatedAt',
    'exit',
    'plan',
  ])
})

test('every tag given must be on the data; text is split at the first colon and trimmed', async ({
  ctx,
}) => {
  const tag = own()
  const both = await makeData(ctx, tag, 'b:c:d', ':', 'k:')
  const one = await makeData(ctx, tag)
  expect(await idsOf(ctx, tagged(tag))).toEqual([both, one])
  expect(await idsOf(ctx, tagged(tag, 'b:c:d'))).toEqual([both])
  expect(await idsOf(ctx, tagged(` ${tag.replace(':', ' : ')} `, tag, 'k:', ':'))).toEqual([both])
  expect(await idsOf(ctx, tagged(tag, 'b:c'))).toEqual([])
  expect(await idsOf(ctx, tagged(tag, 'never:used'))).toEqual([])
  expect(await idsOf(ctx, tagged(tag.toUpperCase()))).toEqual([])
})

test('odd tags are found by themselves and poison no list', async ({ ctx }) => {
  const tag = own()
  for (const odd of [
    'q:"',
    'b:\\',
    'b:\\n',
    'n:a\nb',
    'j:日本語',
    'h:<&>',
    's:a\u2028b',
    "x:'; drop table data --",
    'p:%',
    'u:_',
  ]) {
    const knitId = await makeData(ctx, tag, odd)
    const [shown, ...more] = await search(ctx, tagged(tag, odd))
    expect(more).toEqual([])
    expect(shown?.knitId).toBe(knitId)
    expect(shown?.tags).toContain(odd)
  }
  expect(await search(ctx, tagged(tag))).toHaveLength(10)
})

test.for(['nocolon', ''])('the tag "%s" is refused', async (tag, { ctx }) => {
  expect(await refusal(find, ctx, `/api/data${tagged('a:b', tag)}`, 'bad-request')).toMatch(
    /"tag".*colon/,
  )
})

test('a tag with a NUL, and a time or transience that is none, are refused', async ({ ctx }) => {
  for (const tag of ['a:\0', 'knit#timestamp:yesterday', 'knit#transient:maybe'])
    await refusal(find, ctx, `/api/data${tagged(tag)}`, 'bad-request')
})

test('knit#id finds its data; another, a malformed one, or two find nothing', async ({ ctx }) => {
  const [first, second] = [await makeData(ctx), await makeData(ctx)]
  expect(await idsOf(ctx, tagged(`knit#id:${first}`))).toEqual([first])
  expect(await idsOf(ctx, tagged(`knit#id:${first}`, `knit#id:${first}`))).toEqual([first])
  expect(await idsOf(ctx, tagged(`knit#id:${first}`, `knit#id:${second}`))).toEqual([])
  for (const id of [randomUUID(), 'nonsense', '', first.toUpperCase()])
    expect(await idsOf(ctx, tagged(`knit#id:${id}`))).toEqual([])
})

test('knit#timestamp finds data by the time that was shown, with any offset', async ({ ctx }) => {
  const knitId = await makeData(ctx, own())
  const [shown] = await search(ctx, tagged(`knit#id:${knitId}`))
  const stamp = shown?.tags.find((tag) => tag.startsWith('knit#timestamp:')) ?? ''
  expect(stamp).toBe(`knit#timestamp:${shown?.upstream.run.updatedAt}`)
  const by = (text: string) => idsOf(ctx, tagged(text, `knit#id:${knitId}`))
  expect(await by(stamp)).toEqual([knitId])
  const time = new Date(stamp.slice('knit#timestamp:'.length))
  const tokyo = new Date(time.getTime() + 9 * 3_600_000).toISOString().replace('Z', '+09:00')
  expect(await by(`knit#timestamp:${tokyo}`)).toEqual([knitId])
  const next = new Date(time.getTime() + 1).toISOString()
  expect(await by(`knit#timestamp:${next}`)).toEqual([])
  expect(await idsOf(ctx, tagged(stamp, `knit#timestamp:${next}`))).toEqual([])
  expect(await by('knit#timestamp:0001-01-01T00:00:00+09:00')).toEqual([])
  expect(await by('knit#timestamp:9999-12-31T23:59:59-09:00')).toEqual([])
})

test('a time is shown in UTC, in milliseconds at most, without trailing zeros', async ({ ctx }) => {
  const knitId = await makeData(ctx)
  for (const [stored, shown] of [
    ['2026-01-02T03:04:05.678Z', '2026-01-02T03:04:05.678+00:00'],
    ['2026-01-02T03:04:05.600Z', '2026-01-02T03:04:05.6+00:00'],
    ['2026-01-02T03:04:00.000Z', '2026-01-02T03:04:00+00:00'],
    ['2026-01-02T00:00:00+09:00', '2026-01-01T15:00:00+00:00'],
  ] as const) {
    await endAt(ctx, knitId, stored)
    const [data] = await search(ctx, tagged(`knit#id:${knitId}`))
    expect(data?.tags).toContain(`knit#timestamp:${shown}`)
  }
})

test.for([
  ['waiting', 'processing'],
  ['deactivated', 'processing'],
  ['running', 'processing'],
  ['completing', 'processing'],
  ['aborting', 'processing'],
  ['failed', 'failed'],
  ['done', undefined],
] as const)(
  'data of a run that is %s is knit#transient:%s',
  async ([status, transient], { ctx }) => {
    const { outputs } = await makeRun(ctx, { status })
    const [output = ''] = outputs
    const [shown] = await search(ctx, tagged(`knit#id:${output}`))
    expect(shown?.tags.filter((tag) => tag.startsWith('knit#transient'))).toEqual(
      transient ? [`knit#transient:${transient}`] : [],
    )
    for (const value of ['processing', 'failed']) {
      const found = await idsOf(ctx, tagged(`knit#transient:${value}`, `knit#id:${output}`))
      expect(found).toEqual(value === transient ? [output] : [])
    }
    const both = tagged('knit#transient:processing', 'knit#transient:failed', `knit#id:${output}`)
    expect(await idsOf(ctx, both)).toEqual([])
  },
)

test('no data carries another system tag', async ({ ctx }) => {
  for (const tag of ['knit#other:1', 'knit#:', 'knit#ID:x'])
    expect(await idsOf(ctx, tagged(tag))).toEqual([])
})

test('data are listed as they ended, those that have not at the end, and by id among equals', async ({
  ctx,
}) => {
  const tag = own()
  const times = [
    '2026-01-03T00:00:00Z',
    '2026-01-01T00:00:00Z',
    '2026-01-02T00:00:00Z',
    '2026-01-01T00:00:00Z',
  ]
  const made: string[] = []
  for (const time of times) {
    const knitId = await makeData(ctx, tag)
    await endAt(ctx, knitId, time)
    made.push(knitId)
  }
  const plan = await makeSimplePlan(ctx)
  const { outputs } = await makeRun(ctx, { ...plan, status: 'running' })
  const [{ tags }] =
    (await ctx.sql`select tags from data where id = ${made[0] ?? ''}`) as unknown as [
      { tags: number[] },
    ]
  await ctx.sql`update data set tags = ${tags}::integer[] where id = ${outputs[0] ?? ''}`
  expect(await idsOf(ctx, tagged(tag))).toEqual([made[1], made[3], made[2], made[0], outputs[0]])
})

test('a window begins with its first moment and ends before its last', async ({ ctx }) => {
  const tag = own()
  const made = await makeData(ctx, tag)
  await endAt(ctx, made, '2026-01-01T12:00:00.5Z')
  const finds = async (query: string) => (await idsOf(ctx, `${tagged(tag)}&${query}`)).length === 1
  expect(await finds('since=2026-01-01T12:00:00.5Z')).toBe(true)
  expect(await finds('since=2026-01-01T12:00:00.500999999Z')).toBe(true)
  expect(await finds('since=2026-01-01T12:00:00.501Z')).toBe(false)
  expect(await finds('since=2026-01-01T21:00:00.5%2B09:00')).toBe(true)
  expect(await finds('since=2026-01-01T12:00:00,5Z')).toBe(true)
  expect(await finds('since=2026-01-01T12:00:00Z&duration=500ms')).toBe(false)
  expect(await finds('since=2026-01-01T12:00:00Z&duration=500.001ms')).toBe(true)
  expect(await finds('since=2026-01-01T12:00:00Z&duration=501ms')).toBe(true)
  expect(await finds('since=2026-01-01T12:00:01Z&duration=-1h')).toBe(false)
  expect(await finds('since=2026-01-01T12:00:00.5Z&duration=0')).toBe(false)
  expect(await finds('since=&duration=')).toBe(true)
  expect(await finds('since=2026-01-01T12:00:00Z&since=nonsense')).toBe(true)
})

test('the time of data that has not ended is that of its run', async ({ ctx }) => {
  const { runId, outputs } = await makeRun(ctx, { status: 'running' })
  await ctx.sql`update run set updated_at = '2020-02-02T00:00:00Z' where id = ${runId}`
  const query = tagged(`knit#id:${outputs[0]}`)
  expect(await idsOf(ctx, `${query}&since=2020-02-02T00:00:00Z&duration=1s`)).toEqual([outputs[0]])
  expect(await idsOf(ctx, `${query}&since=2020-02-02T00:00:01Z`)).toEqual([])
})

test('the first and the last time there are can be asked for, with any offset', async ({ ctx }) => {
  const knitId = await makeData(ctx)
  const query = tagged(`knit#id:${knitId}`)
  for (const first of [
    '0001-01-01T00:00:00Z',
    '0001-01-01T00:00:00%2B14:00',
    '0000-01-01T00:00:00Z',
  ])
    expect(await idsOf(ctx, `${query}&since=${first}`)).toEqual([knitId])
  for (const last of ['9999-12-31T23:59:59Z', '9999-12-31T23:59:59.999-14:00'])
    expect(await idsOf(ctx, `${query}&since=${last}`)).toEqual([])
  const longest = 'duration=2562047h'
  expect(await idsOf(ctx, `${query}&since=2026-01-01T00:00:00Z&${longest}`)).toEqual([knitId])
  expect(await idsOf(ctx, `${query}&since=0001-01-01T00:00:00Z&duration=-2562047h`)).toEqual([])
  expect(await idsOf(ctx, `${query}&since=9999-12-31T23:59:59Z&${longest}`)).toEqual([])
})

test.for([
  '2026-01-01',
  '2026-01-01 00:00:00Z',
  '2026-01-01T00:00:00',
  '2026-01-01t00:00:00Z',
  '2026-01-01T00:00:00z',
  '2026-01-01T00:00:00+09:00',
  '2026-13-01T00:00:00Z',
  '2026-02-30T00:00:00Z',
  '2026-01-01T24:00:00Z',
  '2026-01-01T00:00Z',
  '2026-01-01T00:00:00.Z',
  '1767225600',
  'nonsense',
])('since=%s is refused', async (since, { ctx }) => {
  const says = await refusal(find, ctx, `/api/data?since=${since}`, 'bad-request')
  expect(says).toMatch(/"since".*RFC ?3339/)
})

test.for(['300ms', '1.5h', '24h0m0s', '1µs', '1us', '3ns', '-1h', '0', '+5s', '.5s', '5.s'])(
  'duration=%s is one',
  async (duration, { ctx }) => {
    const query = `?since=2026-01-01T00:00:00Z&duration=${encodeURIComponent(duration)}`
    expect((await ask(find, ctx, `/api/data${query}`)).status).toBe(200)
  },
)

test.for(['5', '1d', '1 h', 'h', '.s', '-', '1h-1m', '9999999h', '1H', '１h'])(
  'duration=%s is refused, with since and without',
  async (duration, { ctx }) => {
    const query = `duration=${encodeURIComponent(duration)}`
    for (const before of ['', 'since=2026-01-01T00:00:00Z&'])
      expect(await refusal(find, ctx, `/api/data?${before}${query}`, 'bad-request')).toContain(
        '"duration"',
      )
  },
)

test('a duration that begins nowhere is refused', async ({ ctx }) => {
  expect(await refusal(find, ctx, '/api/data?duration=1h', 'bad-request')).toMatch(
    /duration.*since/,
  )
  await refusal(find, ctx, '/api/data?duration=1h&since=', 'bad-request')
})

test('a thousand data are one list, without paging', async ({ ctx }) => {
  const tag = own()
  const first = await makeData(ctx, tag)
  await ctx.sql`
    with run as (
      insert into run (plan_id, status)
      select plan_id, 'done' from data, generate_series(1, 999) where data.id = ${first}
      returning id, plan_id
    )
    insert into data (plan_id, run_id, output_id, tags, ready, ended_at)
    select run.plan_id, run.id, output_id, tags, true, now() from run, data where data.id = ${first}`
  expect(await search(ctx, tagged(tag))).toHaveLength(1000)
})

test('pretty indents, a slash at the end makes no difference, and a viewer may search', async ({
  ctx,
}) => {
  const tag = own()
  await makeData(ctx, tag)
  const { text, body } = await ask(find, ctx, `/api/data/${tagged(tag)}&pretty=x`, {
    role: 'viewer',
  })
  expect(text).toBe(`${JSON.stringify(body, null, 2)}\n`)
})
