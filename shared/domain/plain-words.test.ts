import { expect, test } from 'vitest'
import * as z from 'zod'
import { plainWords } from './plain-words.ts'

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
