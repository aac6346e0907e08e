import { expect, test } from 'vitest'
import type { DataDetail } from '#shared/domain/data.ts'
import type { RunDetail } from '#shared/domain/run.ts'
import { descendsFrom, lineageTree, traceLineage, type LineageSource } from './lineage-tree.ts'

/** What each run made, and of what: a report of metrics of a model, each with the same program. */
const made: Record<string, string[]> = {
  digits: [],
  program: [],
  model: ['digits', 'program'],
  metrics: ['model', 'program'],
  report: ['metrics', 'program'],
}

const source: LineageSource = {
  findData: async (knitId) =>
    knitId in made
      ? ({
          knitId,
          tags: [],
          upstream: { run: { runId: `run of ${knitId}` } },
        } as unknown as DataDetail)
      : undefined,
  showRun: async (runId) => {
    const inputs = made[runId.slice('run of '.length)] ?? []
    return {
      runId,
      inputs: inputs.map((knitId) => ({ path: `/in/${knitId}`, knitId })),
    } as RunDetail
  },
}

const names = {
  data: ({ knitId }: DataDetail) => knitId.toUpperCase(),
  maker: (run: RunDetail) => `by ${run.runId}`,
}

test('a lineage goes back to what was pushed', async () => {
  const lineage = await traceLineage('report', source)

  expect([...lineage.keys()].sort()).toEqual(['digits', 'metrics', 'model', 'program', 'report'])
  expect(descendsFrom('report', 'digits', lineage)).toBe(true)
  expect(descendsFrom('model', 'metrics', lineage)).toBe(false)
})

test('a tree shows below each data what its run has read', async () => {
  const lineage = await traceLineage('report', source)

  expect(lineageTree('report', lineage, names).join('\n')).toMatchInlineSnapshot(`
    "REPORT            report   by run of report
    ├─ METRICS        metrics  by run of metrics
    │  ├─ MODEL       model    by run of model
    │  │  ├─ DIGITS   digits   by run of digits
    │  │  └─ PROGRAM  program  by run of program
    │  └─ PROGRAM     program  by run of program
    └─ PROGRAM        program  by run of program"
  `)
})

test('what was made once and used twice is drawn once', async () => {
  const twice: LineageSource = {
    ...source,
    showRun: async (runId) =>
      runId === 'run of report'
        ? ({
            runId,
            inputs: ['model', 'model'].map((knitId) => ({ path: '/in', knitId })),
          } as RunDetail)
        : source.showRun(runId),
  }
  const tree = lineageTree('report', await traceLineage('report', twice), names)

  expect(tree.filter((line) => line.includes('DIGITS'))).toHaveLength(1)
  expect(tree.at(-1)).toContain('as above')
})

test('a data that is gone leaves its id', async () => {
  const gone: LineageSource = {
    ...source,
    findData: async (knitId) => (knitId === 'digits' ? undefined : source.findData(knitId)),
  }
  const tree = lineageTree('model', await traceLineage('model', gone), names)

  expect(tree[1]).toMatch(/^├─ \(deleted\) +digits$/)
})
