import { expect, test } from 'vitest'
import { triggers } from '#shared/workflow/triggers.ts'
import { endedStatuses, mayMove, runMoves, runStates, runStatuses } from './run-states.ts'

test('the moves are those of the specification, and those of finish-run when it cannot end the run so', () => {
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
      'done waiting',
      'done invalidated',
      'failed waiting',
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
  const known = new Set([...Object.keys(triggers), 'clean-agents', 'data-push', 'user'])
  for (const [, , who] of runMoves()) for (const one of who) expect(known).toContain(one)
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
