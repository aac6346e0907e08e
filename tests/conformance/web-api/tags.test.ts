import { expect } from 'vitest'
import type { RunStatus } from '#shared/domain/run-states.ts'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { makeRun, makeRunsDue } from '#tests/support/runs.ts'
import type { TestWorld } from '#tests/support/world.ts'
import { expectError, nobody, ownTag, planSpec, test, type Ask } from './wire.ts'

const encode = encodeURIComponent

/** The tags of a data after some were put on it, but for the system's. */
async function put(ask: Ask, world: TestWorld, ...add: unknown[]): Promise<string[]> {
  const reply = await ask(`PUT /api/data/${await makeData(world)}`, { add })
  const { tags } = reply.json as { tags: string[] }
  return tags.filter((tag) => !tag.startsWith('knit#'))
}

test.for([
  ['text is split at the first colon', 'a:b:c', 'a:b:c'],
  ['text is trimmed on both sides of it', ' a : b ', 'a:b'],
  ['text may have an empty key', ':v', ':v'],
  ['text may have an empty value', 'k:', 'k:'],
  ['an object is a tag', { key: 'a', value: 'b' }, 'a:b'],
  ['an object is trimmed as text is', { key: ' a ', value: ' b ' }, 'a:b'],
  ['the value of an object may have colons', { key: 'a', value: 'b:c' }, 'a:b:c'],
  ['other keys of an object are ignored', { key: 'a', value: 'b', c: 1 }, 'a:b'],
  ['letters are not folded', 'Key:VALUE', 'Key:VALUE'],
] as [string, unknown, string][])('%s', async ([, tag, shown], { ask, world }) => {
  expect(await put(ask, world, tag)).toEqual([shown])
})

test.for([
  ['text without colon', 'none'],
  ['an object without value', { key: 'a' }],
  ['an object without key', { value: 'a' }],
  ['an object with null', { key: 'a', value: null }],
  ['an object with a number', { key: 'a', value: 1 }],
  ['an object with other letters', { Key: 'a', Value: 'b' }],
  ['an object whose key has a colon', { key: 'a:b', value: 'c' }],
  ['an object that is no time', { key: 'knit#timestamp', value: 'yesterday' }],
  ['an object that is no transience', { key: 'knit#transient', value: 'maybe' }],
  ['null', null],
  ['a number', 1],
  ['a NUL', 'a:\0'],
] as [string, unknown][])('%s makes the whole request 400', async ([, tag], { ask, world }) => {
  const knitId = await makeData(world, 'a:1')
  expectError(await ask(`PUT /api/data/${knitId}`, { add: ['b:1', tag] }), 400, 'format error')
  expectError(await ask('POST /api/plans', planSpec({ log: { tags: [tag] } })), 400, 'bad request')
  const [data] = (await ask(`GET /api/data?tag=${encode(`knit#id:${knitId}`)}`)).json as {
    tags: string[]
  }[]
  expect(data?.tags).not.toContain('b:1')
})

test('several tags may share a key; a pair is there once', async ({ ask, world }) => {
  expect(await put(ask, world, 'a:1', 'a:2', 'a:1')).toEqual(['a:1', 'a:2'])
})

test('quotes, backslashes and newlines poison no answer', async ({ ask, world }) => {
  const { text, query } = ownTag()
  const odd = ['q:"', 'b:\\', 'n:a\nb', 'u:\\u0000', 't:a\tb']
  const knitId = await makeData(world, text)
  expect((await ask(`PUT /api/data/${knitId}`, { add: odd })).status).toBe(200)
  const [data] = (await ask(`GET /api/data?${query}`)).json as { tags: string[] }[]
  expect(data?.tags).toEqual(expect.arrayContaining(odd))
})

test('a tag, and how many there are, have caps that are named', async ({ ask, world }) => {
  const path = `PUT /api/data/${await makeData(world)}`
  const long = await ask(path, { add: [`a:${'x'.repeat(5000)}`] })
  expectError(long, 400, 'format error')
  expect(long.text).toContain('maxTagBytes')
  const many = await ask(path, { add: Array.from({ length: 101 }, (_, i) => `a:${i}`) })
  expect(many.status).toBe(400)
  expect(many.text).toContain('maxTags')
})

/** Which tag may stand where: `200`, which a search finds where it stands, `400`, or `[]` for a search that finds nothing. */
type Verdict = 200 | 400 | '[]'
type Row = Record<
  'plan input' | 'plan output' | 'log' | 'tag change' | 'find data' | 'in_tag' | 'out_tag',
  Verdict
>
const table: [tag: string, row: Row][] = [
  [
    'user:tag',
    {
      'plan input': 200,
      'plan output': 200,
      log: 200,
      'tag change': 200,
      'find data': 200,
      in_tag: 200,
      out_tag: 200,
    },
  ],
  [
    `knit#id:${nobody}`,
    {
      'plan input': 200,
      'plan output': 400,
      log: 400,
      'tag change': 400,
      'find data': '[]',
      in_tag: 200,
      out_tag: '[]',
    },
  ],
  [
    'knit#timestamp:2020-01-02T03:04:05+00:00',
    {
      'plan input': 200,
      'plan output': 400,
      log: 400,
      'tag change': 400,
      'find data': 200,
      in_tag: 200,
      out_tag: '[]',
    },
  ],
  [
    'knit#transient:processing',
    {
      'plan input': 400,
      'plan output': 400,
      log: 400,
      'tag change': 400,
      'find data': 200,
      in_tag: '[]',
      out_tag: '[]',
    },
  ],
  [
    'knit#other:thing',
    {
      'plan input': 400,
      'plan output': 400,
      log: 400,
      'tag change': 400,
      'find data': '[]',
      in_tag: '[]',
      out_tag: '[]',
    },
  ],
  [
    'knit#timestamp:yesterday',
    {
      'plan input': 400,
      'plan output': 400,
      log: 400,
      'tag change': 400,
      'find data': 400,
      in_tag: '[]',
      out_tag: '[]',
    },
  ],
  [
    'knit#transient:maybe',
    {
      'plan input': 400,
      'plan output': 400,
      log: 400,
      'tag change': 400,
      'find data': 400,
      in_tag: '[]',
      out_tag: '[]',
    },
  ],
]

const places: Record<keyof Row, (ask: Ask, world: TestWorld, tag: string) => ReturnType<Ask>> = {
  'plan input': (ask, _, tag) =>
    ask('POST /api/plans', planSpec({ inputs: [{ path: '/in', tags: [tag] }] })),
  'plan output': (ask, _, tag) =>
    ask('POST /api/plans', planSpec({ outputs: [{ path: '/out', tags: [tag] }] })),
  log: (ask, _, tag) => ask('POST /api/plans', planSpec({ log: { tags: [tag] } })),
  'tag change': async (ask, world, tag) =>
    ask(`PUT /api/data/${await makeData(world)}`, { remove: [tag] }),
  'find data': async (ask, world, tag) => {
    const knitId = await makeData(world, 'user:tag')
    await world.sql`update data set ended_at = '2020-01-02T03:04:05Z' where id = ${knitId}`
    return ask(`GET /api/data?tag=${encode(tag)}`)
  },
  in_tag: async (ask, world, tag) => {
    await putIntoPlans(ask, world, tag)
    return ask(`GET /api/plans?in_tag=${encode(tag)}`)
  },
  out_tag: async (ask, world, tag) => {
    await putIntoPlans(ask, world, tag)
    return ask(`GET /api/plans?out_tag=${encode(tag)}`)
  },
}

/** Plans that have the tag at each place where it may stand; the other places refuse it. */
async function putIntoPlans(ask: Ask, world: TestWorld, tag: string): Promise<void> {
  for (const place of ['plan input', 'plan output', 'log'] as const)
    await places[place](ask, world, tag)
}

type Tagged = { tags: string[] }
type Found = Tagged & { inputs: Tagged[]; outputs: Tagged[]; log?: Tagged }

/** Where a search looks at each thing. */
const looksAt: Partial<Record<keyof Row, (thing: Found) => (Tagged | undefined)[]>> = {
  'find data': (data) => [data],
  in_tag: ({ inputs }) => inputs,
  out_tag: ({ outputs, log }) => [...outputs, log],
}

const cells = table.flatMap(([tag, row]) =>
  Object.entries(row).map(([place, verdict]) => [tag, place as keyof Row, verdict] as const),
)

test.for(cells)('%s, %s: %s', async ([tag, place, verdict], { ask, world }) => {
  // Others are there as well, so that only the tag decides.
  await makeRun(world, { status: 'running' })
  const reply = await places[place](ask, world, tag)
  expect({ status: reply.status, text: reply.text.slice(0, 200) }).toMatchObject({
    status: verdict === '[]' ? 200 : verdict,
  })
  if (verdict === '[]') expect(reply.text).toBe('[]\n')
  const look = looksAt[place]
  if (verdict !== 200 || !look) return
  const found = reply.json as Found[]
  expect(found).not.toEqual([])
  for (const thing of found)
    expect(look(thing).some((point) => point?.tags.includes(tag))).toBe(true)
})

test('two different values of one system tag find nothing, and are refused on an input', async ({
  ask,
}) => {
  const [id, other] = [nobody, nobody.replace('0d', '0e')].map((one) => `knit#id:${one}`)
  for (const [list, name] of [
    ['data', 'tag'],
    ['plans', 'in_tag'],
  ]) {
    const both = [id, other].map((one = '') => `${name}=${encode(one)}`).join('&')
    expect((await ask(`GET /api/${list}?${both}`)).text).toBe('[]\n')
  }
  const inputs = [{ path: '/in', tags: [id, other] }]
  expectError(await ask('POST /api/plans', planSpec({ inputs })), 400, 'bad request')
})

test('knit#id: always there; knit#timestamp: as it is shown, with any offset', async ({
  ask,
  world,
}) => {
  const knitId = await makeData(world)
  const find = async (...tags: string[]) =>
    (await ask(`GET /api/data?${tags.map((tag) => `tag=${encode(tag)}`).join('&')}`)).json as {
      tags: string[]
    }[]
  const [data] = await find(`knit#id:${knitId}`)
  const stamp = data?.tags.find((tag) => tag.startsWith('knit#timestamp:')) ?? ''
  expect(await find(`knit#id:${knitId}`, stamp)).toHaveLength(1)
  const time = new Date(stamp.slice('knit#timestamp:'.length))
  const elsewhere = new Date(time.getTime() + 9 * 3_600_000).toISOString().replace('Z', '+09:00')
  expect(await find(`knit#id:${knitId}`, `knit#timestamp:${elsewhere}`)).toHaveLength(1)
})

const transience: [RunStatus, string | undefined][] = [
  ['deactivated', 'processing'],
  ['waiting', 'processing'],
  ['ready', 'processing'],
  ['starting', 'processing'],
  ['running', 'processing'],
  ['completing', 'processing'],
  ['aborting', 'processing'],
  ['failed', 'failed'],
  ['done', undefined],
]

test.for(transience)(
  'run status %s: knit#transient is %s',
  async ([status, value], { ask, world }) => {
    const { outputs } = await makeRun(world, { status })
    const [data] = (await ask(`GET /api/data?tag=${encode(`knit#id:${outputs[0]}`)}`)).json as {
      tags: string[]
    }[]
    const tag = data?.tags.find((one) => one.startsWith('knit#transient:'))
    expect(tag).toBe(value && `knit#transient:${value}`)
  },
)

test('only data without knit#transient is matched to inputs', async ({ ask, world }) => {
  const failed = await makeRun(world, { status: 'failed' })
  await makeRunsDue(world, await makePlan(world, { inputs: { '/in': ['made:a'] } }))
  const [data] = (await ask(`GET /api/data?tag=${encode(`knit#id:${failed.outputs[0]}`)}`))
    .json as {
    nomination: unknown[]
  }[]
  expect(data?.nomination).toEqual([])
})
