import { expect, test } from 'vitest'
import * as z from 'zod'
import { Away, NoRoomNow, Unreachable } from '#shared/ports/cluster.ts'
import { issues, toProblem } from './respond.ts'

test.for([
  [Away, 'unavailable'],
  [Unreachable, 'volume-unreachable'],
  [NoRoomNow, 'storage-full'],
] as const)('what a cluster says of itself is said to people: %o is %s', ([Kind, code]) => {
  const error = new Kind('in words for people')
  expect(toProblem(error)).toMatchObject({ code, message: 'in words for people', cause: error })
})

test('what nobody has planned shows nothing of its inside', () => {
  const problem = toProblem(new Error('a secret'))
  expect(problem).toMatchObject({
    code: 'unexpected',
    message: expect.not.stringMatching('secret'),
  })
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

test('what is told of one fault has an end', () => {
  const schema = z.string().refine(() => false, { error: ({ input }) => `no: ${String(input)}` })
  expect(issues(errorOf(schema, 'x'.repeat(100_000))).length).toBeLessThan(600)
})
