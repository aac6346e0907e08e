import { expect, test } from 'vitest'
import * as z from 'zod'
import { PlanSpec } from '#shared/domain/plan.ts'
import { firstJson, jsonFor, withKnownKeys } from './lenient-json.ts'

test.for([
  ['{"a":1}', { a: 1 }],
  [' {"a":1} {"b":2}', { a: 1 }],
  ['{"a":"}"}}', { a: '}' }],
  ['[1]\n\n#end', [1]],
  ['null null', null],
  ['12 13', 12],
  ['"a\\"b" c', 'a"b'],
] as [string, unknown][])('of %j the first value counts', ([text, value]) => {
  expect(firstJson(text)).toEqual(value)
})

test.for(['', ' ', '{', '{"a"}', 'x {}', '{"a":1', '[1,]', "{'a':1}"])(
  '%j begins with no value',
  (text) => {
    expect(() => firstJson(text)).toThrow(SyntaxError)
  },
)

test('keys are known whatever letters of them are capitals, as deep as the schema goes', () => {
  const given = {
    IMAGE: 'a/b:1',
    Inputs: [{ PATH: '/in', Tags: ['a:b'] }],
    On_Node: { MUST: ['a=b'] },
    Log: { TAGS: [] },
    unknown: { Path: 1 },
  }
  expect(withKnownKeys(PlanSpec, given)).toEqual({
    image: 'a/b:1',
    inputs: [{ path: '/in', tags: ['a:b'] }],
    on_node: { must: ['a=b'] },
    log: { tags: [] },
    unknown: { Path: 1 },
  })
})

test('names of the user, and tags that are objects, keep their letters', () => {
  const given = { resources: { 'Vendor/GPU': 1 }, inputs: [{ tags: [{ Key: 'a', value: 'b' }] }] }
  expect(withKnownKeys(PlanSpec, given)).toEqual(given)
})

test('of two keys that are one the last counts', () => {
  const schema = z.object({ a: z.int() })
  expect(withKnownKeys(schema, { a: 1, A: 2 })).toEqual({ a: 2 })
  expect(withKnownKeys(schema, { A: 2, a: 1 })).toEqual({ a: 1 })
})

test('keys that mean something to JavaScript are keys like any other', () => {
  const given = JSON.parse('{"__proto__": {"a": 1}, "constructor": 1}') as object
  const read = withKnownKeys(z.object({ a: z.int().optional() }), given) as object
  expect(Object.keys(read)).toEqual(['__proto__', 'constructor'])
  expect(Object.getPrototypeOf(read)).toBe(Object.prototype)
})

test('numbers that are quantities are the text that was written, and all others are numbers', () => {
  const text = `{"Resources": {"cpu": 1e3, "gpu": "1e3", "none": null, "__proto__": 2.50},
    "args": [1.50], "unknown": {"cpu": 1e3}, "cpu": 1e3} {`
  const read = jsonFor(PlanSpec, text) as { resources: object }
  expect(read).toMatchObject({ args: [1.5], unknown: { cpu: 1000 }, cpu: 1000 })
  expect(Object.entries(read.resources)).toEqual([
    ['cpu', '1e3'],
    ['gpu', '1e3'],
    ['none', null],
    ['__proto__', '2.50'],
  ])
  expect(jsonFor(z.object({ a: z.int() }), '{"A": 1e3}')).toEqual({ a: 1000 })
})

const many = (count: number) => Array<string>(count).fill('a:b')
const named = (count: number) => Object.fromEntries(many(count).map((_, at) => [`name${at}`, 1]))
const input = (count: number) => ({ path: '/in', tags: many(count) })

test('ten thousand entries are looked at, and not one more: of a list, of a mapping, or of all together', () => {
  for (const given of [{ args: many(10_000) }, { resources: named(10_000) }])
    expect(withKnownKeys(PlanSpec, given)).toEqual(given)
  for (const given of [
    { args: many(10_001) },
    { resources: named(10_001) },
    { inputs: [input(5000), input(4999)] },
  ])
    expect(() => withKnownKeys(PlanSpec, given)).toThrow(/more than 10000 entries; send fewer/)
})

test.for([null, 1, 'a', [], [1], true])('%j stays as it is', (value) => {
  expect(withKnownKeys(PlanSpec, value)).toEqual(value)
})
