import { setTimeout as delay } from 'node:timers/promises'
import type { DataDetail } from '#shared/domain/data.ts'
import type { PlanDetail } from '#shared/domain/plan.ts'
import type { RunDetail } from '#shared/domain/run.ts'
import { isEnded } from '#shared/domain/run-states.ts'
import { inOrder, planName, rootsOf } from './chains.ts'
import { compareRuns, expectedCombinations } from './combinations.ts'
import { Patience } from './patience.ts'
import { DemoFailed, projectTag, type Stage } from './stage.ts'

const lookEvery = 100

/** What there is when nothing is left to do: every combination has run, once, and nothing else has. */
export type Settled = { runs: RunDetail[]; data: DataDetail[] }

/** Waits until every combination of data that fits `plans` has run, and tells of each run on the way. */
export async function settle(stage: Stage, plans: PlanDetail[]): Promise<Settled> {
  const patience = new Patience()
  for (;;) {
    const runs = inOrder(await stage.knit.findRuns(plans.map(({ planId }) => planId)), plans)
    const news = runs.filter((run) => isNews(stage, run))
    for (const run of news) tell(stage, run, runs)
    if (news.length > 0) patience.renew()
    const settled = await settledWith(stage, plans, runs)
    if (settled) return settled
    const seconds = patience.spent()
    if (seconds !== undefined) throw await stuck(stage, plans, seconds)
    showGoing(stage, runs)
    await delay(lookEvery, undefined, { signal: stage.signal })
  }
}

/** Whether a run is elsewhere than when it was last seen. */
function isNews({ seen }: Stage, { runId, status, updatedAt }: RunDetail): boolean {
  const state = `${status} ${updatedAt}`
  const isNew = seen.get(runId) !== state
  seen.set(runId, state)
  return isNew
}

/** All there is, once nothing is left to do; throws at once at what waiting cannot mend. */
async function settledWith(
  stage: Stage,
  plans: PlanDetail[],
  runs: RunDetail[],
): Promise<Settled | undefined> {
  // What failed in an earlier demo is no business of this one.
  const failed = runs.find(({ runId, status }) => status === 'failed' && !stage.earlier.has(runId))
  if (failed) throw await failure(stage, failed)
  if (!runs.every(({ status }) => isEnded(status))) return undefined
  // The runs are read before the data: what has ended among them has all its outputs among the data.
  const settled = { runs, data: await stage.knit.findData([projectTag]) }
  return isComplete(plans, settled) ? settled : undefined
}

/** Whether every combination has run; throws at a run that should not be there. */
function isComplete(plans: PlanDetail[], { runs, data }: Settled): boolean {
  const { missing, unexpected, doubled } = compareRuns(runs, expectedCombinations(plans, data))
  for (const [problem, list] of Object.entries({ unexpected, doubled })) {
    if (list.length > 0)
      throw new DemoFailed(
        `${list.length} of the runs are ${problem}: the combination of data they read ${
          problem === 'doubled' ? 'has run before' : 'does not fit their plan'
        }`,
        list.map((run) => `${planName(run.plan)}  ${run.runId}`),
      )
  }
  return missing.length === 0
}

async function failure({ knit }: Stage, failed: RunDetail): Promise<DemoFailed> {
  const log = await knit.log(failed.runId).catch((error: Error) => `no log: ${error.message}`)
  return new DemoFailed(
    `the run ${failed.runId} of the plan ${planName(failed.plan)} failed: ${failed.reason ?? 'nobody knows why'}`,
    ['its log:', ...log.trimEnd().split('\n').slice(-30)],
  )
}

async function stuck({ knit }: Stage, plans: PlanDetail[], seconds: number): Promise<DemoFailed> {
  const runs = await knit.findRuns(plans.map(({ planId }) => planId))
  const { missing } = compareRuns(
    runs,
    expectedCombinations(plans, await knit.findData([projectTag])),
  )
  return new DemoFailed(
    `nothing has changed for ${seconds} s, and not all that should run has run`,
    [
      ...runs.map((run) =>
        [planName(run.plan), run.runId, run.status, run.reason].filter(Boolean).join('  '),
      ),
      ...missing.map((combination) => `missing: ${combination}`),
    ],
  )
}

/** What the pushed data behind a run is called, as far as it tells one run from another. */
export function subjectOf(run: RunDetail, runs: RunDetail[], names: Stage['names']): string {
  const roots = rootsOf(run, runs).map((knitId) => names.get(knitId) ?? knitId)
  return roots.find((name) => name.startsWith('training')) ?? roots[0] ?? ''
}

/** A line for each event worth one; on a terminal, what goes on is shown by the line that changes. */
function tell({ screen, names, earlier }: Stage, run: RunDetail, runs: RunDetail[]): void {
  const isWorthIt = run.status === 'done' || (run.status === 'running' && !screen.terminal)
  if (!isWorthIt || earlier.has(run.runId)) return
  const status = run.status === 'done' ? screen.paint('green', 'done') : run.status
  const subject = subjectOf(run, runs, names)
  screen.line(`${planName(run.plan).padEnd(8)}  ${subject.padEnd(14)}  ${status}`)
}

function showGoing({ screen, names }: Stage, runs: RunDetail[]): void {
  const going = runs
    .filter(({ status }) => !isEnded(status))
    .map((run) => `${planName(run.plan)} of ${subjectOf(run, runs, names)} ${run.status}`)
  screen.live(going.length > 0 ? `${going.join(', ')} …` : 'waiting for runs …')
}
