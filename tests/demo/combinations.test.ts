import { expect, test } from 'vitest'
import type { DataDetail } from '#shared/domain/data.ts'
import type { PlanDetail } from '#shared/domain/plan.ts'
import type { RunDetail } from '#shared/domain/run.ts'
import { compareRuns, expectedCombinations } from './combinations.ts'

const data = (knitId: string, ...tags: string[]) => ({ knitId, tags }) as DataDetail
const plan = {
  planId: 'train',
  inputs: [
    { path: '/in/set', tags: ['type:set'] },
    { path: '/in/program', tags: ['type:program', 'good:yes'] },
  ],
} as PlanDetail
const run = (set: string, program: string) =>
  ({
    runId: `${set} ${program}`,
    plan,
    inputs: [
      { path: '/in/program', knitId: program },
      { path: '/in/set', knitId: set },
    ],
  }) as unknown as RunDetail

const there = [
  data('s1', 'type:set'),
  data('s2', 'type:set', 'more:tags'),
  data('s3', 'type:set', 'knit#transient:processing'),
  data('p1', 'type:program', 'good:yes'),
  data('p2', 'type:program'),
]

test('every combination of data that fits is expected, and no other', () => {
  const runs = [run('s1', 'p1'), run('s2', 'p1')]
  const difference = compareRuns(runs, expectedCombinations([plan], there))

  expect(difference).toEqual({ missing: [], unexpected: [], doubled: [] })
})

test('what has not run, should not have run, or ran twice is named', () => {
  const runs = [run('s1', 'p1'), run('s1', 'p2'), run('s1', 'p1')]
  const { missing, unexpected, doubled } = compareRuns(runs, expectedCombinations([plan], there))

  expect(missing).toEqual(['train /in/program=p1 /in/set=s2'])
  expect(unexpected.map(({ runId }) => runId)).toEqual(['s1 p2'])
  expect(doubled.map(({ runId }) => runId)).toEqual(['s1 p1'])
})
