import { expect, test } from 'vitest'
import type { RunDetail } from '#shared/domain/run.ts'
import { describeTimes } from './run-times.ts'

const at = (seconds: number) => new Date(Date.parse('2025-03-01T10:00:00Z') + 1000 * seconds)
const run = (created: number, started?: number, ended?: number) =>
  ({
    createdAt: at(created).toISOString(),
    ...(started !== undefined && { startedAt: at(started).toISOString() }),
    ...(ended !== undefined && { endedAt: at(ended).toISOString() }),
  }) as RunDetail

test('the times of a run are those that the API tells', () => {
  const [clock, ...spans] = describeTimes(run(0, 0.25, 1.25))
  expect(clock).toBe(at(0).toTimeString().slice(0, 8))
  expect(spans).toEqual(['0.25 s', '1.00 s'])
})

test('what the API does not tell is no time', () => {
  expect(describeTimes(run(0, 0.25)).slice(1)).toEqual(['0.25 s', '-'])
  expect(describeTimes({} as RunDetail)).toEqual(['-', '-', '-'])
})
