import { expect, test } from 'vitest'
import {
  checkTagLimits,
  formatTag,
  parseTag,
  readTagQuery,
  shownTags,
  sortTags,
  TagIn,
} from './tag.ts'
import { Invalid } from './invalid.ts'

test.for([
  ['type:raw', 'type', 'raw'],
  [' type : raw data ', 'type', 'raw data'],
  ['url:https://example.test:80/', 'url', 'https://example.test:80/'],
  [':value', '', 'value'],
  ['key:', 'key', ''],
  [':', '', ''],
  ['a"b\n:c\\d', 'a"b\n', 'c\\d'],
] as const)('the tag %j has the key %j and the value %j', ([text, key, value]) => {
  expect(parseTag(text)).toEqual({ key: key.trim(), value })
})

test.for([
  'no colon',
  '',
  'knit#timestamp:yesterday',
  'knit#timestamp:2026-01-31',
  'knit#transient:maybe',
  'nul:\0',
  'lone:\ud800',
])('the text %j is no tag, and that is said with advice', (text) => {
  expect(() => parseTag(text)).toThrow(Invalid)
})

test('a tag is text or an object in JSON; the object says no other tags than text can, and nothing else is a tag', () => {
  expect(TagIn.parse('a:b:c')).toEqual({ key: 'a', value: 'b:c' })
  expect(TagIn.parse({ key: ' a ', value: ' b:c ', more: 1 })).toEqual({ key: 'a', value: 'b:c' })
  for (const wrong of [
    null,
    1,
    {},
    { key: 'a' },
    { key: 'a', value: null },
    { Key: 'a', value: 'b' },
    { key: 'a:b', value: 'c' },
    { key: ' knit#timestamp', value: 'yesterday' },
    { key: 'knit#transient ', value: 'maybe' },
  ])
    expect(TagIn.safeParse(wrong).success).toBe(false)
})

test('tags are shown sorted by key, then value, in byte order, without doubles', () => {
  const texts = ['b:1', 'a:2', 'a:10', 'B:1', 'knit#id:x', 'é:1', 'z:1', '😀:1', '\uffff:1', 'a:2']
  expect(sortTags(texts.map(parseTag)).map(formatTag)).toEqual([
    'B:1',
    'a:10',
    'a:2',
    'b:1',
    'knit#id:x',
    'z:1',
    'é:1',
    '\uffff:1',
    '😀:1',
  ])
})

test('tags whose key and value only together are the same text are two', () => {
  expect(
    sortTags([
      { key: 'a:b', value: 'c' },
      { key: 'a', value: 'b:c' },
    ]),
  ).toHaveLength(2)
})

test('a data shows its id always, its time once it ended, and what its run does to it', () => {
  const tags = [parseTag('z:1'), parseTag('a:1')]
  const timestamp = new Date('2026-01-02T03:04:05.600Z')
  const shown = (more: object) => shownTags({ knitId: 'x', tags, ...more }).map(formatTag)
  expect(shown({})).toEqual(['a:1', 'knit#id:x', 'z:1'])
  expect(shown({ timestamp, transient: 'failed' })).toEqual([
    'a:1',
    'knit#id:x',
    'knit#timestamp:2026-01-02T03:04:05.6+00:00',
    'knit#transient:failed',
    'z:1',
  ])
})

const id = '00000000-0000-7000-8000-000000000001'

test('a question is the user tags and one value of each system tag', () => {
  const time = '2026-01-02T03:04:05+00:00'
  const tags = [`knit#id:${id}`, `knit#timestamp:${time}`, 'knit#transient:failed', 'a:1'].map(
    parseTag,
  )
  expect(readTagQuery(tags)).toEqual({
    user: [{ key: 'a', value: '1' }],
    knitId: id,
    timestamp: new Date(time),
    transient: 'failed',
    impossible: false,
  })
})

test('two times are one when they are the same instant, whatever the offset', () => {
  const same = [
    'knit#timestamp:2026-01-02T03:04:05Z',
    'knit#timestamp:2026-01-02T12:04:05.000+09:00',
  ]
  expect(readTagQuery(same.map(parseTag)).impossible).toBe(false)
})

test.for([
  [`knit#id:${id}`, 'knit#id:00000000-0000-7000-8000-000000000002'],
  ['knit#timestamp:2026-01-02T03:04:05Z', 'knit#timestamp:2026-01-02T03:04:06Z'],
  ['knit#transient:failed', 'knit#transient:processing'],
  ['knit#id:no id'],
  ['knit#id:00000000-0000-7000-8000-00000000000A'],
  ['knit#unknown:1'],
])('no data can ever carry %j', (texts) => {
  expect(readTagQuery(texts.map(parseTag)).impossible).toBe(true)
})

test('too many tags, or one that is too long, are refused by a message that names the cap', () => {
  const limits = { maxTags: 2, maxTagBytes: 6 }
  checkTagLimits([parseTag('abc:def'), parseTag('é:é')], limits)
  expect(() => checkTagLimits(['a:1', 'b:1', 'c:1'].map(parseTag), limits)).toThrow(/maxTags.*2/)
  expect(() => checkTagLimits([parseTag('éé:ééé')], limits)).toThrow(/maxTagBytes.*6/)
})
