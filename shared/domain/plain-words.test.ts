import { expect, test } from 'vitest'
import * as z from 'zod'
import { issues, plainWords } from './plain-words.ts'

const wordsFor = (schema: z.ZodType, value: unknown) =>
  schema.safeParse(value, { error: plainWords }).error?.issues.map(({ message }) => message)

test.each<[z.ZodType, unknown, string]>([
  [z.string(), undefined, 'it is missing'],
  [z.string(), 1, 'expected text'],
  [z.coerce.number(), 'x', 'expected a number'],
  [z.coerce.number().int(), '1.5', 'expected a whole number'],
  [z.coerce.number().max(65_535), '99999', 'expected at most 65535'],
  [z.coerce.number().positive(), '0', 'expected more than 0'],
  [z.string().min(32), 'short', 'expected at least 32 characters'],
  [z.array(z.string()).min(2), [], 'expected at least 2 entries'],
  [z.array(z.string()), {}, 'expected a list'],
  [z.record(z.string(), z.string()), [], 'expected a mapping'],
  [z.enum(['yes']), 'maybe', 'expected yes'],
  [z.enum(['yes', 'no']), 'maybe', 'expected yes or no'],
  [z.enum(['a', 'b', 'c']), 'd', 'expected a, b or c'],
  [z.url(), 'x', 'expected a URL'],
  [z.record(z.string().max(3), z.string()), { abcd: '' }, 'expected at most 3 characters'],
])('what a schema has against a value is told in plain words (%#)', (schema, value, words) => {
  expect(wordsFor(schema, value)).toEqual([words])
})

test('what a schema says in its own words stays', () => {
  expect(wordsFor(z.enum(['a'], 'expected the first letter'), 'b')).toEqual([
    'expected the first letter',
  ])
})

const errorOf = (schema: z.ZodType, value: unknown) => {
  const { error } = schema.safeParse(value)
  if (!error) throw new Error('nothing is wrong')
  return error
}

test('what is wrong is told with where it is', () => {
  const schema = z.object({ a: z.array(z.int('no number')) })
  expect(issues(errorOf(schema, { a: [1, 'x'] }))).toBe('a.1: no number')
})

test('of very much that is wrong the first is told, and how much more there is', () => {
  const schema = z.array(z.int('no number'))
  const lines = issues(errorOf(schema, Array<string>(1000).fill('x'))).split('\n')
  expect(lines).toHaveLength(11)
  expect(lines[0]).toBe('0: no number')
  expect(lines.at(-1)).toBe('… and 990 more')
})
