import { expect, test } from 'vitest'
import { Away, NoRoomNow, Unreachable } from '#shared/ports/cluster.ts'
import { toProblem } from './respond.ts'

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
