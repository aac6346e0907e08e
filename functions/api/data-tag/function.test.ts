import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { DataDetail } from '#shared/domain/data.ts'
import { answer, refusal, test } from '#tests/support/api.ts'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { makeRunsDue } from '#tests/support/runs.ts'
import type { TestWorld } from '#tests/support/world.ts'
import tag from './function.ts'

const at = (knitId: string) => `/api/data/${knitId}`

/** The user's tags after a change. */
async function change(ctx: TestWorld, knitId: string, body: unknown): Promise<string[]> {
  const { tags } = await answer<DataDetail>(tag, ctx, at(knitId), { body })
  return tags.filter((text) => !text.startsWith('knit#'))
}

const tagsOf = (ctx: TestWorld, knitId: string) => change(ctx, knitId, {})

test('tags are removed first and put then, so that one in both lists is there', async ({ ctx }) => {
  const knitId = await makeData(ctx, 'a:1', 'a:2', 'b:1', 'c:1')
  const body = { add: ['a:1', 'd:1'], remove: ['a:1', 'c:1'], remove_key: ['b', 'd'] }
  expect(await change(ctx, knitId, body)).toEqual(['a:1', 'a:2', 'd:1'])
})

test('tags are text or objects; unused lists are empty, null or absent', async ({ ctx }) => {
  const knitId = await makeData(ctx, 'a:1')
  const add = [{ key: 'k', value: 'v:w', more: true }, ' x : y ']
  expect(await change(ctx, knitId, { add, remove: null, remove_key: [] })).toEqual([
    'a:1',
    'k:v:w',
    'x:y',
  ])
  const remove = [{ key: 'k', value: 'v:w' }, 'x:y', 'not:there']
  expect(await change(ctx, knitId, { remove, add: null })).toEqual(['a:1'])
})

test('a key is removed with all its values, and only that key', async ({ ctx }) => {
  const knitId = await makeData(ctx, 'k:1', 'k:2', 'key:1', 'K:1', ':1')
  expect(await change(ctx, knitId, { remove_key: ['k', 'absent', ''] })).toEqual(['K:1', 'key:1'])
})

test('no change at all is one: null, an empty object, or lists that hold nothing', async ({
  ctx,
}) => {
  const knitId = await makeData(ctx, 'a:1')
  for (const body of ['null', {}, { add: [] }, { unknown: [1], Add2: 3 }])
    expect(await change(ctx, knitId, body)).toEqual(['a:1'])
})

test('the answer is the data as it is shown, with the system tags among the others', async ({
  ctx,
}) => {
  const knitId = await makeData(ctx, 'zebra:1')
  const shown = await answer<DataDetail>(tag, ctx, at(knitId), {
    body: { add: ['alpha:1', 'Z:1'] },
  })
  expect(Object.keys(shown)).toEqual([
    'knitId',
    'tags',
    'upstream',
    'downstreams',
    'nomination',
    'content',
  ])
  expect(shown.tags).toEqual([
    'Z:1',
    'alpha:1',
    `knit#id:${knitId}`,
    `knit#timestamp:${shown.upstream.run.updatedAt}`,
    'zebra:1',
  ])
})

test('the content type is not looked at, and a trailing slash makes no difference', async ({
  ctx,
}) => {
  const knitId = await makeData(ctx)
  const headers = { 'content-type': 'text/plain' }
  const shown = await answer<DataDetail>(tag, ctx, `${at(knitId)}/`, {
    body: { add: ['a:1'] },
    headers,
  })
  expect(shown.tags).toContain('a:1')
})

test.for([
  ['added as text', { add: ['ok:1', 'knit#id:1'], remove: ['a:1'] }],
  ['added as an object', { add: [{ key: 'knit#x', value: '' }], remove: ['a:1'] }],
  ['removed', { add: ['ok:1'], remove: ['a:1', 'knit#transient:failed'] }],
  ['removed by key', { add: ['ok:1'], remove_key: ['a', 'knit#timestamp'] }],
] as [string, object][])(
  'a system tag that is %s is refused with nothing changed',
  async ([, body], { ctx }) => {
    const knitId = await makeData(ctx, 'a:1')
    const says = await refusal(tag, ctx, at(knitId), 'bad-tag-change', { body })
    expect(says).toMatch(/knit#/)
    expect(await tagsOf(ctx, knitId)).toEqual(['a:1'])
  },
)

test.for([
  ['with additions', { add: ['a:1'] }],
  ['with removals only', { remove: ['a:1'], remove_key: ['b'] }],
  ['with an empty change', {}],
  ['with null', 'null'],
] as [string, unknown][])('data that does not exist is 404 %s', async ([, body], { ctx }) => {
  for (const id of [randomUUID(), 'nonsense', '%20', randomUUID().toUpperCase(), '%00', '%zz'])
    await refusal(tag, ctx, at(id), 'data-not-found', { body })
})

test.for([
  ['no JSON', '{"add": ['],
  ['nothing', ''],
  ['a list', []],
  ['a list that is none', { add: 'a:1' }],
  ['a tag that is a number', { add: [1] }],
  ['a tag that is null', { add: [null] }],
  ['an object without value', { add: [{ key: 'a' }] }],
  ['an object whose value is null', { add: [{ key: 'a', value: null }] }],
  ['an object with other case', { add: [{ Key: 'a', Value: 'b' }] }],
  ['a key that is a number', { remove_key: [1] }],
] as [string, unknown][])('%s is no tag change: 400', async ([, body], { ctx }) => {
  const knitId = await makeData(ctx, 'a:1')
  const says = await refusal(tag, ctx, at(knitId), 'bad-request', { body })
  expect(says).toContain('can not understand the requested json')
  expect(await tagsOf(ctx, knitId)).toEqual(['a:1'])
})

test('a tag that cannot be read is named with what is wrong and where', async ({ ctx }) => {
  const knitId = await makeData(ctx)
  const says = async (body: unknown) => refusal(tag, ctx, at(knitId), 'bad-request', { body })
  expect(await says({ add: ['ok:1', 'nocolon'] })).toMatch(/add\.1.*"nocolon" has no colon/)
  expect(await says({ remove: ['nocolon'] })).toMatch(/remove\.0.*"nocolon" has no colon/)
  expect(await says({ add: [{ key: 'a', value: '\0' }] })).toMatch(/NUL/)
  expect(await says({ add: ['a:\ud800'] })).toMatch(/not valid Unicode/)
  expect(await says({ remove_key: ['a\0b'] })).toMatch(/NUL/)
})

test('tags of any script and with any sign survive, and poison no list', async ({ ctx }) => {
  const odd = [
    'quote:"',
    'back:\\',
    'back:\\u0041\\x',
    'line:a\nb',
    'tab:a\tb',
    'html:<script>&amp;</script>',
    'sep:a\u2028b\u2029c',
    '日本:語',
    'emoji:👩‍👩‍👧‍👦',
    'rtl:שלום',
    'nfd:e\u0301',
    'nfc:é',
    ':',
    'k:',
    ':v',
    'ctl:a\u0001b',
  ]
  const knitId = await makeData(ctx)
  const body = {
    add: odd.map((text) => ({
      key: text.slice(0, text.indexOf(':')),
      value: text.slice(text.indexOf(':') + 1),
    })),
  }
  const bytes = odd.map((text) => Buffer.from(text)).length
  const shown = await change(ctx, knitId, body)
  expect(new Set(shown)).toEqual(new Set(odd))
  expect(shown).toHaveLength(bytes)
})

test('tags are sorted by key, then value, in the order of their bytes', async ({ ctx }) => {
  const knitId = await makeData(ctx)
  // U+FF5E is before U+1F600 in UTF-8, and after it in UTF-16. "a!" as a key sorts after "a", not by the text "a!:…".
  const add = ['a:2', 'a!:1', 'a:10', 'B:1', '😀:1', '～:1', 'a:1']
  expect(await change(ctx, knitId, { add })).toEqual([
    'B:1',
    'a:1',
    'a:10',
    'a:2',
    'a!:1',
    '～:1',
    '😀:1',
  ])
})

test('a data has 100 tags and no more, and the error names the cap', async ({ ctx }) => {
  const knitId = await makeData(ctx)
  const many = (count: number) => Array.from({ length: count }, (_, index) => `many:${index}`)
  expect(await change(ctx, knitId, { add: many(100) })).toHaveLength(100)
  const over = { add: ['one:more'] }
  expect(await refusal(tag, ctx, at(knitId), 'bad-tag-change', { body: over })).toMatch(
    /maxTags.*100/,
  )
  expect(await tagsOf(ctx, knitId)).toEqual(many(100).sort())
  const swap = { add: ['one:more'], remove: ['many:0'] }
  expect(await change(ctx, knitId, swap)).toHaveLength(100)
  expect(await refusal(tag, ctx, at(knitId), 'bad-request', { body: { add: many(101) } })).toMatch(
    /maxTags/,
  )
  const doubled = { add: [...many(60), ...many(60)], remove_key: ['one'] }
  expect(await change(ctx, knitId, doubled)).toHaveLength(100)
})

test('a tag has 4096 bytes and no more, and the error names the cap', async ({ ctx }) => {
  const knitId = await makeData(ctx)
  const longest = `${'k'.repeat(1024)}:${'ü'.repeat(1536)}`
  expect(await change(ctx, knitId, { add: [longest] })).toEqual([longest])
  const body = { add: [`${longest}x`] }
  expect(await refusal(tag, ctx, at(knitId), 'bad-request', { body })).toMatch(/maxTagBytes.*4096/)
})

test('a body of more than a megabyte is too large, and says which setting says so', async ({
  ctx,
}) => {
  const knitId = await makeData(ctx)
  const body = `{"remove": ["a:${'x'.repeat(1024 * 1024)}"]}`
  expect(await refusal(tag, ctx, at(knitId), 'too-large', { body })).toMatch(/maxBodyBytes/)
  const deep = `{"add": ${'['.repeat(200_000)}`
  await refusal(tag, ctx, at(knitId), 'bad-request', { body: deep })
  const closed = `{"add": ${'['.repeat(200_000)}${']'.repeat(200_000)}}`
  await refusal(tag, ctx, at(knitId), 'bad-request', { body: closed })
})

test('very many tags that are none are not looked at, one by one', async ({ ctx }) => {
  const body = { add: Array<number>(500_000).fill(1) }
  expect(await refusal(tag, ctx, at(await makeData(ctx)), 'bad-request', { body })).toMatch(
    /can not understand the requested json: its lists.*10000 entries/,
  )
})

test('keys that mean something to JavaScript do no harm', async ({ ctx }) => {
  const knitId = await makeData(ctx, 'a:1')
  const body =
    '{"__proto__": {"add": ["evil:1"]}, "constructor": {"prototype": {"add": ["evil:2"]}}, "add": ["__proto__:constructor", {"__proto__": 1, "key": "toString", "value": "__proto__"}]}'
  expect(await change(ctx, knitId, body)).toEqual([
    '__proto__:constructor',
    'a:1',
    'toString:__proto__',
  ])
  expect(({} as Record<string, unknown>)['add']).toBeUndefined()
  expect(await change(ctx, knitId, { remove_key: ['__proto__', 'toString'] })).toEqual(['a:1'])
})

test('matches that no longer hold are withdrawn at once, and the data is queued to be matched', async ({
  ctx,
}) => {
  const planId = await makePlan(ctx, { inputs: { '/in': ['want:it', 'and:that'] } })
  const other = await makePlan(ctx, { inputs: { '/in': ['want:it'] } })
  const knitId = await makeData(ctx, 'want:it', 'and:that')
  await makeRunsDue(ctx, planId)
  const shown = await answer<DataDetail>(tag, ctx, at(knitId), { body: {} })
  expect(shown.nomination.map(({ path, tags, plan }) => [path, tags, plan.planId])).toEqual(
    expect.arrayContaining([
      ['/in', ['and:that', 'want:it'], planId],
      ['/in', ['want:it'], other],
    ]),
  )
  expect(Object.keys(shown.nomination[0] ?? {})).toEqual(['path', 'tags', 'plan'])
  await ctx.sql`delete from match_task`
  await ctx.sql`delete from outbox`
  const changed = await answer<DataDetail>(tag, ctx, at(knitId), { body: { remove_key: ['and'] } })
  expect(changed.nomination.map(({ plan }) => plan.planId)).toEqual([other])
  expect(changed.downstreams.map(({ run }) => run.plan.planId)).toEqual([planId])
  expect(await ctx.sql`select knit_id as "knitId" from match_task`).toEqual([{ knitId }])
  expect(await ctx.sql`select type, data from outbox`).toEqual([
    { type: 'data.tagged', data: { knitId } },
  ])
  await makeRunsDue(ctx, other)
  await answer(tag, ctx, at(knitId), { body: { add: ['and:that'] } })
  await makeRunsDue(ctx, planId)
  const back = await answer<DataDetail>(tag, ctx, at(knitId), { body: {} })
  expect(back.nomination.map(({ plan }) => plan.planId).sort()).toEqual([planId, other].sort())
  expect(back.downstreams.filter(({ run }) => run.plan.planId === planId)).toHaveLength(1)
})

test('many changes of one data at a time all hold', async ({ ctx }) => {
  const knitId = await makeData(ctx, 'start:1')
  const changes = Array.from({ length: 20 }, (_, index) =>
    change(ctx, knitId, { add: [`n:${index}`] }),
  )
  await Promise.all(changes)
  expect(await tagsOf(ctx, knitId)).toHaveLength(21)
})

test('pretty indents the answer and the errors', async ({ ctx }) => {
  const { ask } = await import('#tests/support/api.ts')
  const knitId = await makeData(ctx, 'a:<b>')
  for (const path of [
    `${at(knitId)}?pretty`,
    `${at(knitId)}?pretty=false`,
    `${at('no')}?pretty=`,
  ]) {
    const { text, body } = await ask(tag, ctx, path, { body: {} })
    const indented = JSON.stringify(body, null, 2).replace('<', '\\u003c').replace('>', '\\u003e')
    expect(text).toBe(`${indented}\n`)
  }
})

test('a viewer may not change tags', async ({ ctx }) => {
  const knitId = await makeData(ctx, 'a:1')
  await refusal(tag, ctx, at(knitId), 'forbidden', { role: 'viewer', body: { remove: ['a:1'] } })
  expect(await tagsOf(ctx, knitId)).toEqual(['a:1'])
})
