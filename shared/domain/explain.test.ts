import { expect, test } from 'vitest'
import { fitsNow, whyOf, whyOfPlan, type Match } from './explain.ts'

const match: Match = {
  status: 'done',
  missing: [],
  isMatching: false,
  isNominated: true,
  isDue: false,
  lacking: [],
  runs: [{ runId: 'r', status: 'running' }],
}

test('of data that fits and has its run there is nothing more to tell', () => {
  expect(fitsNow(match)).toBe(true)
  expect(whyOf(match)).toEqual([])
})

test('data that lacks a tag fits not, and the tag says it all', () => {
  const lacking = { ...match, missing: ['a:1'], isNominated: false, runs: [] }
  expect(fitsNow(lacking)).toBe(false)
  expect(whyOf(lacking)).toEqual([])
})

test.for([
  ['not ready', { status: 'running' }, /the run that makes it is running/],
  ['of a failed run', { status: 'failed' }, /failed/],
  ['being matched', { isMatching: true, isNominated: false }, /still being matched/],
  ['another input has nothing', { lacking: ['/b'] }, /for the input \/b/],
  ['due', { isDue: true }, /about to be made/],
  ['deleted', { runs: [{ runId: 'r', status: 'invalidated' }] }, /r was deleted/],
  ['not found', { isNominated: false }, /nobody has found/],
] as [string, Partial<Match>, RegExp][])('%s is told', ([, change, why]) => {
  const reasons = whyOf({ ...match, ...change })
  expect(reasons).toEqual([expect.stringMatching(why)])
})

test('a plan that is inactive, or paused, holds all', () => {
  expect(whyOfPlan({ active: true, paused: false })).toEqual([])
  expect(whyOfPlan({ active: false, paused: true })).toHaveLength(2)
})
