import type { DataDetail } from '#shared/domain/data.ts'
import type { PlanDetail } from '#shared/domain/plan.ts'
import type { RunDetail } from '#shared/domain/run.ts'

/** The combination a run stands for: its plan, and which data it reads where. */
export const combinationOf = (run: RunDetail): string => keyOf(run.plan.planId, run.inputs)

/** Every combination of data that fits the inputs of a plan: what must run, each once, and nothing else. */
export function expectedCombinations(plans: PlanDetail[], data: DataDetail[]): Set<string> {
  return new Set(
    plans.flatMap((plan) =>
      product(
        plan.inputs.map(({ path, tags }) =>
          data.filter((one) => fits(one, tags)).map(({ knitId }) => ({ path, knitId })),
        ),
      ).map((inputs) => keyOf(plan.planId, inputs)),
    ),
  )
}

export type Difference = { missing: string[]; unexpected: RunDetail[]; doubled: RunDetail[] }

/** How the runs there are differ from the combinations there should be. */
export function compareRuns(runs: RunDetail[], expected: ReadonlySet<string>): Difference {
  const seen = new Set(runs.map(combinationOf))
  return {
    missing: [...expected].filter((combination) => !seen.has(combination)),
    unexpected: runs.filter((run) => !expected.has(combinationOf(run))),
    doubled: runs.filter((run, index) =>
      runs.slice(0, index).some((earlier) => combinationOf(earlier) === combinationOf(run)),
    ),
  }
}

function fits(data: DataDetail, tags: string[]): boolean {
  const usable = !data.tags.some((tag) => tag.startsWith('knit#transient:'))
  return usable && tags.every((tag) => data.tags.includes(tag))
}

type Assignment = { path: string; knitId: string }

function keyOf(planId: string, inputs: Assignment[]): string {
  const reads = inputs.map(({ path, knitId }) => `${path}=${knitId}`).sort()
  return [planId, ...reads].join(' ')
}

function product<T>(lists: T[][]): T[][] {
  return lists.reduce<T[][]>(
    (rows, list) => rows.flatMap((row) => list.map((item) => [...row, item])),
    [[]],
  )
}
