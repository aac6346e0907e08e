import { expect, test } from 'vitest'
import * as z from 'zod'
import { Problem, problems, type ProblemCode } from '#shared/contracts/problems.ts'
import { Invalid } from '#shared/domain/invalid.ts'
import { Away, NoRoomNow, Unreachable } from '#shared/ports/cluster.ts'
import { problemResponse, toProblem } from './respond.ts'

test.for([
  [Away, 'unavailable'],
  [Unreachable, 'volume-unreachable'],
  [NoRoomNow, 'storage-full'],
] as const)(
  'what a cluster says of itself is said to people, with a capital as all else: %o is %s',
  ([Kind, code]) => {
    const error = new Kind('in words for people: kubectl get pod')
    expect(toProblem(error)).toMatchObject({
      code,
      message: 'In words for people: kubectl get pod',
      cause: error,
    })
  },
)

test('what nobody has planned shows nothing of its inside', () => {
  const problem = toProblem(new Error('a secret'))
  expect(problem).toMatchObject({
    code: 'unexpected',
    message: expect.not.stringMatching('secret'),
  })
})

test('of what nobody has planned it is told where to look, in both forms', async () => {
  const problem = toProblem(new Error('a secret'))
  for (const accept of ['*/*', 'application/problem+json']) {
    const request = new Request('http://api.local/', { headers: { accept } })
    const response = problemResponse(problem, request, 'r-1')
    expect(response.headers.get('x-request-id')).toBe('r-1')
    expect(await response.text()).toContain('under the request id r-1.')
  }
})

const unavailable = (Object.keys(problems) as ProblemCode[]).filter(
  (code) => problems[code].status === 503,
)

test.for(unavailable)('%s advises to retry later, and then says what happened', async (code) => {
  const request = new Request('http://api.local/')
  const response = problemResponse(new Problem(code, 'It is away.'), request, 'r-1')
  expect(await response.json()).toEqual({
    message: 'service unavailable temporaly\nplease retry later\nIt is away.',
  })
})

test('what is told of one fault has an end, and the end of it is told', () => {
  const error = ({ input }: { input?: unknown }) => `no: ${String(input)}; write it shorter`
  const schema = z.string().refine(() => false, { error })
  const long = 'x'.repeat(100_000)
  const ofDomain = toProblem(new Invalid('bad tag', error({ input: long }))).message
  for (const told of [toProblem(schema.safeParse(long).error).message, ofDomain]) {
    expect(told.length).toBeLessThan(600)
    expect(told).toMatch(/^(bad tag: )?no: x+ … x+; write it shorter$/)
  }
})
