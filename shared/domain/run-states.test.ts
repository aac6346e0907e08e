import { expect, test } from 'vitest'
import { triggers } from '#shared/workflow/triggers.ts'
import {
  endedStatuses,
  mayBeMovedByUser,
  mayMove,
  runMoves,
  runStates,
  runStatuses,
} from './run-states.ts'

test('the moves are those of the specification, those of finish-run when it cannot end the run so, and of retries under an inactive plan', () => {
  const moves = runMoves().map(([from, to]) => `${from} ${to}`)
  expect(moves.toSorted()).toEqual(
    [
      'deactivated waiting',
      'deactivated aborting',
      'waiting deactivated',
      'waiting ready',
      'waiting aborting',
      'ready starting',
      'ready completing',
      'ready aborting',
      'starting running',
      'starting completing',
      'starting aborting',
      'running completing',
      'running aborting',
      'completing done',
      // Its outputs cannot be kept.
      'completing aborting',
      'aborting failed',
      'aborting waiting',
      'aborting deactivated',
      'done waiting',
      'done deactivated',
      'done invalidated',
      'failed waiting',
      'failed deactivated',
      'failed invalidated',
    ].toSorted(),
  )
})

test('only a done run has data that can be used', () => {
  const usable = runStatuses.filter((status) => runStates[status].data === 'ready')
  expect(usable).toEqual(['done'])
  const failed = runStatuses.filter((status) => runStates[status].data === 'failed')
  expect(failed).toEqual(['failed', 'invalidated'])
})

test('whoever may make a move is a step, a handler, or the user', () => {
  const handlers = ['clean-up', 'data-push', 'imports-end', 'user']
  const known = new Set([...Object.keys(triggers), ...handlers])
  for (const [, , who] of runMoves()) for (const one of who) expect(known).toContain(one)
})

test('a user may stop, hold, retry and delete, and leaves what is observed to the steps', () => {
  expect(mayBeMovedByUser('running', 'aborting')).toBe(true)
  expect(mayBeMovedByUser('ready', 'completing')).toBe(true)
  expect(mayBeMovedByUser('waiting', 'completing')).toBe(false)
  expect(mayBeMovedByUser('starting', 'running')).toBe(false)
  expect(mayBeMovedByUser('completing', 'aborting')).toBe(false)
  expect(mayBeMovedByUser('done', 'aborting')).toBe(false)
})

test('every run can end, and no ended run is moved but by the user', () => {
  const ends = new Set<string>(endedStatuses)
  for (;;) {
    const more = runStatuses.filter(
      (from) => !ends.has(from) && [...ends].some((to) => mayMove(from, to as never)),
    )
    if (more.length === 0) break
    for (const status of more) ends.add(status)
  }
  expect([...ends].toSorted()).toEqual([...runStatuses].toSorted())
  for (const [from, , who] of runMoves())
    if ((endedStatuses as readonly string[]).includes(from)) expect(who).toEqual(['user'])
})
