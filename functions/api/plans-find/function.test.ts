import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { PlanDetail } from '#shared/domain/plan.ts'
import { answer, ask, refusal, test } from '#tests/support/api.ts'
import { makePlan } from '#tests/support/makers.ts'
import type { TestWorld } from '#tests/support/world.ts'
import find from './function.ts'

const search = (ctx: TestWorld, query: string) =>
  answer<PlanDetail[]>(find, ctx, `/api/plans${query}`)

const idsOf = async (ctx: TestWorld, query: string) =>
  (await search(ctx, query)).map(({ planId }) => planId)

const encoded = (...pairs: [string, string][]) =>
  `?${pairs.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')}`

test('without parameters every plan is found, the built-in ones among them, in the order of ids', async ({
  ctx,
}) => {
  const own = [await makePlan(ctx, { inputs: { '/in': ['all:1'] } })]
  own.push(await makePlan(ctx, { inputs: { '/in': ['all:2'] } }, { active: false }))
  const all = await search(ctx, '')
  const ids = all.map(({ planId }) => planId)
  expect(ids).toEqual(ids.toSorted())
  expect(ids).toEqual(expect.arrayContaining(own))
  const builtIn = (name: string, path: string) => ({
    planId: expect.any(String) as string,
    name,
    inputs: [],
    outputs: [{ path, tags: [], downstreams: [] }],
    active: true,
  })
  expect(all.filter(({ name }) => name !== undefined)).toEqual([
    builtIn('knit#uploaded', '/upload'),
    builtIn('knit#imported', '/imported'),
  ])
  expect(await idsOf(ctx, '/')).toEqual(ids)
  expect(await idsOf(ctx, '?unknown=1&active=&image=')).toEqual(ids)
})

test('active finds active or inactive plans; the first of several counts', async ({ ctx }) => {
  const on = await makePlan(ctx, { inputs: { '/in': ['active:1'] } })
  const off = await makePlan(ctx, { inputs: { '/in': ['active:1'] } }, { active: false })
  const both = encoded(['in_tag', 'active:1'])
  expect(await idsOf(ctx, both)).toEqual([on, off].sort())
  expect(await idsOf(ctx, `${both}&active=true`)).toEqual([on])
  expect(await idsOf(ctx, `${both}&active=false&active=true`)).toEqual([off])
  const names = (await search(ctx, '?active=true')).flatMap(({ name }) => name ?? [])
  expect(names.sort()).toEqual(['knit#imported', 'knit#uploaded'])
  for (const bad of ['yes', 'True', '1', 'true,false', ' true'])
    expect(await refusal(find, ctx, `/api/plans?active=${bad}`, 'bad-request')).toContain('active')
})

test('an image finds plans by repository, and by tag where one is given, exactly', async ({
  ctx,
}) => {
  const made = async (image: string) => makePlan(ctx, { inputs: { '/in': ['img:1'] } }, { image })
  const v1 = await made('reg.example:5000/find/a:v1')
  const v2 = await made('reg.example:5000/find/a:v2')
  const hub = await made('docker.io/find:1')
  const latest = await made('find/nothing')
  const by = (image: string) => idsOf(ctx, encoded(['image', image]))
  expect(await by('reg.example:5000/find/a')).toEqual([v1, v2])
  expect(await by('reg.example:5000/find/a:')).toEqual([v1, v2])
  expect(await by('reg.example:5000/find/a:v1')).toEqual([v1])
  expect(await by('reg.example:5000/find/a:v')).toEqual([])
  expect(await by('find/a')).toEqual([])
  expect(await by('docker.io/find')).toEqual([])
  expect(await by('index.docker.io/library/find')).toEqual([hub])
  expect(await by('find/nothing:latest')).toEqual([latest])
  expect(await by('knit#uploaded')).toEqual([])
  for (const bad of [':v1', 'host/', 'host/:v1']) {
    const says = await refusal(find, ctx, `/api/plans${encoded(['image', bad])}`, 'bad-request')
    expect(says).toMatch(/^"image"/)
  }
  await refusal(find, ctx, `/api/plans?image=a%00b`, 'bad-request')
})

test('in_tag must all be on one input, out_tag on one output or the log', async ({ ctx }) => {
  const plan = await makePlan(ctx, {
    inputs: { '/in/a': ['in:1', 'in:2'], '/in/b': ['in:3'] },
    outputs: { '/out/a': ['out:1', 'out:2'], '/out/b': [] },
    log: ['out:3', 'out:1'],
  })
  const finds = async (...pairs: [string, string][]) =>
    (await idsOf(ctx, encoded(...pairs))).includes(plan)
  expect(await finds(['in_tag', 'in:1'])).toBe(true)
  expect(await finds(['in_tag', ' in : 1 '], ['in_tag', 'in:2'], ['in_tag', 'in:2'])).toBe(true)
  expect(await finds(['in_tag', 'in:1'], ['in_tag', 'in:3'])).toBe(false)
  expect(await finds(['in_tag', 'out:1'])).toBe(false)
  expect(await finds(['out_tag', 'out:1'], ['out_tag', 'out:2'])).toBe(true)
  expect(await finds(['out_tag', 'out:1'], ['out_tag', 'out:3'])).toBe(true)
  expect(await finds(['out_tag', 'out:2'], ['out_tag', 'out:3'])).toBe(false)
  expect(await finds(['out_tag', 'out:3'], ['in_tag', 'in:3'])).toBe(true)
  expect(await finds(['out_tag', 'out:3'], ['in_tag', 'in:4'])).toBe(false)
})

test('a tag that nothing has ever carried finds nothing', async ({ ctx }) => {
  await makePlan(ctx, { inputs: { '/in': ['known:1'] } })
  expect(await idsOf(ctx, encoded(['in_tag', 'nonsense:1']))).toEqual([])
  expect(await idsOf(ctx, encoded(['in_tag', 'known:1'], ['in_tag', 'nonsense:1']))).toEqual([])
  expect(await idsOf(ctx, encoded(['out_tag', 'nonsense:1']))).toEqual([])
})

test('of the system tags an id and a time are found on inputs, maybe on another than the rest', async ({
  ctx,
}) => {
  const id = randomUUID()
  const time = '2026-05-06T07:08:09.12+00:00'
  const plan = await makePlan(ctx, {
    inputs: { '/in/a': [`knit#id:${id}`], '/in/b': [`knit#timestamp:${time}`, 'sys:1'] },
  })
  const by = (...tags: string[]) =>
    idsOf(ctx, encoded(...tags.map((tag): [string, string] => ['in_tag', tag])))
  expect(await by(`knit#id:${id}`)).toEqual([plan])
  expect(await by(`knit#id:${id}`, 'sys:1')).toEqual([plan])
  expect(await by('knit#timestamp:2026-05-06T16:08:09.120+09:00', `knit#id:${id}`)).toEqual([plan])
  expect(await by(`knit#id:${id}`, `knit#id:${randomUUID()}`)).toEqual([])
  expect(await by('knit#timestamp:2026-05-06T07:08:09.121Z')).toEqual([])
})

test.for([
  'knit#transient:processing',
  'knit#transient:nonsense',
  'knit#timestamp:nonsense',
  'knit#id:nonsense',
  'knit#other:1',
  'knit#timestamp:0001-01-01T00:00:00%2B09:00',
])('no input asks for %s, so nothing is found', async (tag, { ctx }) => {
  expect(await idsOf(ctx, `?in_tag=${tag.replace('#', '%23')}`)).toEqual([])
})

test.for([
  'knit#id:01234567-89ab-cdef-0123-456789abcdef',
  'knit#timestamp:2026-01-01T00:00:00Z',
  'knit#timestamp:x',
  'knit#transient:failed',
  'knit#transient:x',
  'knit#other:1',
])('no output puts %s, so nothing is found', async (tag, { ctx }) => {
  expect(await idsOf(ctx, encoded(['out_tag', tag]))).toEqual([])
})

test.for(['in_tag', 'out_tag'])(
  '%s that is no tag, or empty, is refused',
  async (name, { ctx }) => {
    expect(await refusal(find, ctx, `/api/plans?${name}=nocolon`, 'bad-request')).toContain(
      'nocolon',
    )
    expect(await refusal(find, ctx, `/api/plans?${name}=`, 'bad-request')).toContain(name)
    expect(await refusal(find, ctx, `/api/plans?${name}=a:b&${name}=c`, 'bad-request')).toContain(
      '"c"',
    )
    expect(await refusal(find, ctx, `/api/plans?${name}=a%00:b`, 'bad-request')).toContain('NUL')
  },
)

test('pretty indents, whatever its value, also an error; a viewer may search', async ({ ctx }) => {
  for (const query of ['?pretty', '?pretty=no&active=x', '?in_tag=none:such&pretty=']) {
    const { text, body } = await ask(find, ctx, `/api/plans${query}`, { role: 'viewer' })
    expect(text).toBe(`${JSON.stringify(body, null, 2)}\n`)
  }
})
