import { expect, test } from 'vitest'
import type { RunAttempt } from './run.ts'
import { milestonesOf, type RunMove } from './run-history.ts'
import type { RunStatus } from './run-states.ts'

/** Moves of one attempt, a second apart, each taken on half a second before. */
const movesThrough = (statuses: RunStatus[], attempt = 1, second = 0): RunMove[] =>
  statuses.slice(1).map((status, index) => ({
    attempt,
    from: statuses[index],
    status,
    at: `at ${second + index + 1}`,
    claimedAt: `claim ${second + index + 1}`,
    by: 'a step',
  }))
const made = (status: RunStatus): RunMove => ({ attempt: 1, status, at: 'at 0', by: 'a step' })
const program: RunAttempt = { attempt: 1, startedAt: 'begin', endedAt: 'end' }

const named = (moves: RunMove[], attempts: RunAttempt[] = [], origin = {}) =>
  milestonesOf(origin, moves, attempts).map(({ attempt, name, at }) => `${attempt} ${name}: ${at}`)

test('a run that succeeds tells of each part of its way', () => {
  const way = movesThrough(['waiting', 'ready', 'starting', 'running', 'completing', 'done'])
  const origin = { ready: 'early', matched: 'later' }
  expect(named([made('waiting'), ...way], [program], origin)).toEqual([
    '1 ready: early',
    '1 matched: later',
    '1 projected: at 0',
    '1 admitted: claim 1',
    '1 volumes-made: at 1',
    '1 worker-created: at 2',
    '1 program-started: begin',
    '1 program-ended: end',
    '1 published: at 5',
  ])
})

test('a program nobody saw running began all the same', () => {
  const way = movesThrough(['ready', 'starting', 'completing', 'done'])
  expect(named(way, [program])).toEqual([
    '1 worker-created: at 1',
    '1 program-started: begin',
    '1 program-ended: end',
    '1 published: at 3',
  ])
})

test('what is tried again goes the way again, under the number of the next attempt', () => {
  const first = movesThrough(['ready', 'starting', 'aborting'])
  const again = movesThrough(['aborting', 'waiting', 'ready', 'starting'], 2, 2)
  expect(named([...first, ...again])).toEqual([
    '1 worker-created: at 1',
    '1 aborted: at 2',
    '2 retried: at 3',
    '2 admitted: claim 4',
    '2 volumes-made: at 4',
    '2 worker-created: at 5',
  ])
})

test('a program that was told to end runs on until its end is known', () => {
  const way = movesThrough(['starting', 'running', 'aborting'])
  const told = named(way, [{ attempt: 1, startedAt: 'begin' }])
  expect(told).toEqual(['1 program-started: begin'])
})

test.for([
  [
    ['waiting', 'deactivated', 'waiting'],
    ['1 projected: at 0', '1 held: at 1', '1 activated: at 2'],
  ],
  [
    ['deactivated', 'waiting'],
    ['1 projected: at 0', '1 activated: at 1'],
  ],
  [
    ['waiting', 'aborting', 'failed'],
    ['1 projected: at 0', '1 aborted: at 1', '1 failed: at 2'],
  ],
  [
    ['running', 'completing', 'done'],
    ['1 begun: at 0', '1 published: at 2'],
  ],
  [
    ['running', 'aborting', 'failed'],
    ['1 begun: at 0', '1 failed: at 2'],
  ],
] as [RunStatus[], string[]][])('the way %j is told', ([statuses, told]) => {
  expect(named([made(statuses[0] ?? 'waiting'), ...movesThrough(statuses)])).toEqual(told)
})

test('a run that is told to end once more is told of once', () => {
  const way = movesThrough(['running', 'aborting', 'aborting', 'failed'])
  expect(named(way, [program])).toEqual(['1 program-ended: end', '1 failed: at 3'])
})

test('a run that is torn off before its program began says so, and when it was deleted', () => {
  expect(named(movesThrough(['ready', 'completing', 'done', 'invalidated']))).toEqual([
    '1 stopped: at 1',
    '1 published: at 2',
    '1 deleted: at 3',
  ])
})
