import { expect, test } from 'vitest'
import type { DataDetail } from '#shared/domain/data.ts'
import type { RunDetail } from '#shared/domain/run.ts'
import { checkAllGoBackTo, checkAllNew, checkNone, checkUntouched, newRuns } from './checks.ts'

const run = (runId: string, reads: string, writes: string, updatedAt = '2025-03-01T10:00:00Z') =>
  ({
    runId,
    status: 'done',
    updatedAt,
    plan: { planId: 'p' },
    inputs: [{ path: '/in', tags: [], knitId: reads }],
    outputs: [{ path: '/out', tags: [], knitId: writes }],
  }) as unknown as RunDetail
const data = (knitId: string) => ({ knitId, tags: [`name:set ${knitId}`] }) as DataDetail

const before = [run('train 1', 'one', 'model 1')]
const brought = [run('train 2', 'two', 'model 2'), run('test 2', 'model 2', 'metrics 2')]
const after = [...before, ...brought]

test('runs that new data brought are accepted', () => {
  const fresh = newRuns(before, after)

  expect(fresh).toEqual(brought)
  checkUntouched(before, after)
  checkAllGoBackTo(data('two'), fresh, after)
  checkAllNew(brought, fresh)
})

test('a run that ran again, or vanished, is told', () => {
  const again = [run('train 1', 'one', 'model 1', '2025-03-01T10:00:05Z')]

  expect(() => checkUntouched(before, again)).toThrow('1 run ran again')
  expect(() => checkUntouched(after, before)).toThrow('2 runs ran again, or vanished')
})

test('a run that does not go back to the new data is told', () => {
  expect(() => checkAllGoBackTo(data('one'), brought, after)).toThrow(
    '2 runs began that do not go back to set one',
  )
})

test('a run that began too early, or for no reason, is told', () => {
  expect(() => checkAllNew(after, brought)).toThrow('1 run should have begun only now')
  expect(() => checkNone(brought)).toThrow('2 runs began')
})
