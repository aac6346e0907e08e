import * as z from 'zod'
import { KnitId, PlanId, RunId } from './ids.ts'
import { runStates, runStatuses, type RunStatus } from './run-states.ts'
import { TagOut } from './wire.ts'

const RunOf = z.object({ runId: RunId, status: z.enum(runStatuses) })

/** Why data started a run of a plan, or why they did not. */
export const Explanation = z
  .object({
    planId: PlanId,
    data: z
      .array(
        z.object({
          knitId: KnitId,
          inputs: z.array(
            z.object({
              path: z.string(),
              fits: z.boolean().describe('Whether the data fits this input now.'),
              missing: z.array(TagOut).describe('Tags the input asks for and the data has not.'),
              runs: z.array(RunOf).describe('Runs that have read it there: the first hundred.'),
              reasons: z.array(z.string()).describe('What else there is to know.'),
            }),
          ),
        }),
      )
      .describe('Each data against each input of the plan.'),
    run: RunOf.optional().describe('The run that was asked about, when it is one of the plan.'),
    reasons: z.array(z.string()).describe('What holds for all of it.'),
  })
  .meta({ id: 'Explanation' })
export type Explanation = z.infer<typeof Explanation>

/** What is known of a data and an input. */
export type Match = {
  /** Status of the run that makes the data. */
  status: RunStatus
  missing: readonly string[]
  /** It is, or will be, looked at whether they fit. */
  isMatching: boolean
  isNominated: boolean
  /** Its combinations are still to be made. */
  isDue: boolean
  /** Paths of other inputs that nothing has been found for. */
  lacking: readonly string[]
  runs: readonly { runId: string; status: RunStatus }[]
}

export const fitsNow = ({ status, missing }: Match): boolean =>
  runStates[status].data === 'ready' && missing.length === 0

/** What there is to know of a data and an input beside the tags that are missing. */
export function whyOf(match: Match): string[] {
  const { status, isMatching, isNominated, isDue, lacking, runs } = match
  const kind = runStates[status].data
  if (kind === 'processing') return [`the data is not ready: the run that makes it is ${status}`]
  if (kind === 'failed') return ['the data is that of a run that failed, which no plan reads']
  if (!fitsNow(match)) return []
  const deleted = runs.filter((run) => run.status === 'invalidated')
  return [
    ...(isMatching ? ['it is still being matched'] : []),
    ...lacking.map((path) => `nothing has been found for the input ${path}`),
    ...(isNominated && isDue && lacking.length === 0 ? ['its runs are about to be made'] : []),
    ...deleted.map(
      ({ runId }) => `the run ${runId} was deleted: its combination is never made again`,
    ),
    ...(!isNominated && !isMatching ? ['nobody has found yet that it fits'] : []),
  ]
}

/** What keeps all runs of a plan from starting. */
export const whyOfPlan = ({ active, paused }: { active: boolean; paused: boolean }): string[] => [
  ...(active ? [] : ['the plan is inactive: its runs are held until it is activated']),
  ...(paused ? ['the plan is paused: it would create very many runs at once'] : []),
]
