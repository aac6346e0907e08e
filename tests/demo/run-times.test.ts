import { expect, test } from 'vitest'
import type { RunDetail } from '#shared/domain/run.ts'
import { createdAt, describeTimes, RunTimes } from './run-times.ts'

const made = Date.parse('2025-03-01T10:00:00.000Z')
const runId = `${made
  .toString(16)
  .padStart(12, '0')
  .replace(/^(.{8})/, '$1-')}-7abc-8def-0123456789ab`
const run = (status: string, after: number) =>
  ({ runId, status, updatedAt: new Date(made + after).toISOString() }) as RunDetail

test('an id of version 7 tells when it was made, others do not', () => {
  expect(createdAt(runId)).toBe(made)
  expect(createdAt('0f4b7f0e-6d3c-4c43-9a3e-0a2b7c1d5e6f')).toBeUndefined()
})

test('what was seen of a run gives its times, and only a change is news', () => {
  const times = new RunTimes()
  const news = [run('waiting', 1), run('running', 250), run('running', 250), run('done', 1250)].map(
    (seen) => times.note(seen),
  )

  expect(news).toEqual([true, true, false, true])
  const [, waited, took] = describeTimes(times.of(run('done', 1250)))
  expect([waited, took]).toEqual(['+0.25 s', '1.00 s'])
})

test('of a run nobody saw start, the most it can have taken is told', () => {
  const times = new RunTimes()
  times.note(run('done', 1250))

  expect(describeTimes(times.of(run('done', 1250))).slice(1)).toEqual(['-', '<1.25 s'])
})
