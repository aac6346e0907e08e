import type { DataDetail } from '#shared/domain/data.ts'
import type { PlanSummary } from '#shared/domain/plan-summary.ts'
import type { PlanDetail } from '#shared/domain/plan.ts'
import type { RunDetail } from '#shared/domain/run.ts'

/** The value of the first tag with this key. */
export function tagOf(data: DataDetail, key: string): string | undefined {
  return data.tags.find((tag) => tag.startsWith(`${key}:`))?.slice(key.length + 1)
}

/** What the demo calls its plans: their annotation `name`. */
export function planName({ annotations, planId, name }: PlanSummary): string {
  const named = annotations?.find((annotation) => annotation.startsWith('name='))
  return named?.slice('name='.length) ?? name ?? planId
}

/** The run of a plan that reads all of these data. */
export function findRun(runs: RunDetail[], plan: string, reads: string[]): RunDetail | undefined {
  return runs.find(
    (run) =>
      planName(run.plan) === plan &&
      reads.every((knitId) => run.inputs.some((input) => input.knitId === knitId)),
  )
}

export const outputOf = (run: RunDetail): string => run.outputs[0]?.knitId ?? ''

/** The three runs that lead from a training set to its report. */
export type Chain = { train: RunDetail; evaluate: RunDetail; report: RunDetail }

export function findChain(
  runs: RunDetail[],
  { trainingSet, testSet, program }: Record<'trainingSet' | 'testSet' | 'program', string>,
): Chain | undefined {
  const train = findRun(runs, 'train', [trainingSet, program])
  const evaluate = train && findRun(runs, 'evaluate', [outputOf(train), testSet, program])
  const report = evaluate && findRun(runs, 'report', [outputOf(evaluate), program])
  return report && { train, evaluate, report }
}

/** The pushed data a run goes back to, by way of other runs. */
export function rootsOf(run: RunDetail, runs: RunDetail[]): string[] {
  const roots = run.inputs.flatMap(({ knitId }) => {
    const maker = runs.find(({ outputs }) => outputs.some((output) => output.knitId === knitId))
    return maker ? rootsOf(maker, runs) : [knitId]
  })
  return [...new Set(roots)]
}

/** The runs of `plans`, by plan in their order, then by id, which is by age. */
export function inOrder(runs: RunDetail[], plans: PlanDetail[]): RunDetail[] {
  const place = (run: RunDetail) => plans.findIndex(({ planId }) => planId === run.plan.planId)
  return runs.toSorted((a, b) => place(a) - place(b) || (a.runId < b.runId ? -1 : 1))
}
