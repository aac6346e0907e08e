import { join } from 'node:path'
import type { Api } from '#shared/client/api.ts'
import type { DataDetail } from '#shared/domain/data.ts'
import type { PlanDetail } from '#shared/domain/plan.ts'
import type { RunDetail } from '#shared/domain/run.ts'
import { findChain, outputOf, planName, tagOf, type Chain } from './chains.ts'
import { checkAllGoBackTo, checkAllNew, checkNone, checkUntouched, newRuns } from './checks.ts'
import { makeDigitSets, source } from './digits.ts'
import { knitClient, type Knit } from './knit.ts'
import { describeProvided, provideData, providePlan, type Provided } from './provide.ts'
import { checkAccuracy, formatPercent, pullResult, showLineage, type Result } from './results.ts'
import { describeTimes, timesHeader } from './run-times.ts'
import { shortPath, type Screen } from './screen.ts'
import { settle, subjectOf, type Settled } from './settle.ts'
import { DemoFailed, projectTag, type Stage } from './stage.ts'

export type Scenario = {
  knit: Knit
  api: Api
  /** Everything the demo writes is below this folder. */
  folder: string
  /** In which the plans run; it must have a `node`. That of the plan files, unless given. */
  image?: string
  screen: Screen
  signal: AbortSignal
}

/** What there is to look at afterwards. */
export type Outcome = { report: string; run: string; results: Result[]; lineageFile: string }

const programFolder = join(import.meta.dirname, 'programs')
const planFiles = ['train.yaml', 'evaluate.yaml', 'report.yaml']

/**
 * The main job, from data to report: pushes digits and a program, registers three plans, pushes more digits,
 * and checks that exactly what had to run has run. Throws `DemoFailed` when anything is not as it should be.
 */
export async function playScenario({ knit, api, image, ...given }: Scenario): Promise<Outcome> {
  const { screen, folder, signal } = given
  const client = knitClient({ knit, api, signal })
  const there = await client.findData([projectTag])
  const stage: Stage = {
    ...given,
    knit: client,
    seen: new Map(),
    names: new Map(there.flatMap((data) => namedData(data))),
    earlier: new Set(there.map((data) => data.upstream.run.runId)),
  }
  if (there.length > 0)
    screen.line(
      `earlier demos have left ${count(there, 'data', 'data')} here: what fits is used again`,
    )

  screen.heading('Cutting 10,000 handwritten digits into sets')
  screen.line(source.short)
  const sets = await makeDigitSets(join(folder, 'data'))

  screen.heading('Pushing data, each with its tags')
  const program = await provideData(stage, {
    name: 'program',
    type: 'program',
    folder: programFolder,
  })
  const testSet = await provideData(stage, sets.test)
  const first = await provideData(stage, sets.first)
  showProvided(stage, [program, testSet, first])

  screen.heading('Registering three plans, which ask for data by tags')
  const plans = await registerPlans(stage, image)

  screen.heading('Nobody starts a run: where data fits a plan, it runs')
  const before = await settle(stage, plans)
  sayHowMany(stage, before)

  screen.heading('Pushing training set 2, and nothing else')
  const second = await provideData(stage, sets.second)
  showProvided(stage, [second])
  const after = await settle(stage, plans)
  const chains = [first, second].map((set) => chainOf(after, { set, testSet, program }))
  checkUntouched(before.runs, after.runs)
  const fresh = newRuns(before.runs, after.runs)
  checkAllGoBackTo(second.data, fresh, after.runs)
  if (second.isNew) checkAllNew(Object.values(chains[1] as Chain), fresh)
  sayWhatRan(stage, before, fresh)

  screen.heading('Pulling what came of it')
  screen.live('pulling …')
  const results = await Promise.all(
    [first, second].map((set, index) => pullResult(stage, nameOf(set), chains[index] as Chain)),
  )
  results.forEach(checkAccuracy)
  screen.table(
    ['model of', 'digits', 'loss in training', 'accuracy on the test set', 'files'],
    results.map(({ name, trainedOn, losses, accuracy, folder }) => [
      name,
      trainedOn.toLocaleString('en-US'),
      `${losses[0]} to ${losses.at(-1)}`,
      screen.paint('green', formatPercent(accuracy)),
      shortPath(folder),
    ]),
  )

  screen.heading('Every run')
  // Some time has passed since the last one ended: still nothing else may have begun.
  const still = await client.findRuns(plans.map(({ planId }) => planId))
  checkUntouched(after.runs, still)
  checkNone(newRuns(after.runs, still))
  showRuns(stage, after.runs)

  const last = chains[1] as Chain
  const report = outputOf(last.report)
  screen.heading('What the last report was made of')
  const lineageFile = await showLineage(stage, report, { root: second.data.knitId })
  return { report, run: last.report.runId, results, lineageFile }
}

/** What was pushed has a name; what runs made has none. */
function namedData(data: DataDetail): [string, string][] {
  const name = tagOf(data, 'name')
  return name === undefined ? [] : [[data.knitId, name]]
}

const nameOf = ({ data }: Provided): string => tagOf(data, 'name') ?? data.knitId
const count = (list: unknown[], one: string, more = `${one}s`) =>
  `${list.length} ${list.length === 1 ? one : more}`

function showProvided({ screen }: Stage, provided: Provided[]): void {
  screen.table(['data', 'knit id', 'tag', ''], provided.map(describeProvided))
}

async function registerPlans(stage: Stage, image?: string): Promise<PlanDetail[]> {
  const plans: PlanDetail[] = []
  const rows: string[][] = []
  for (const file of planFiles) {
    const { plan, isNew } = await providePlan(stage, { file, image })
    const types = (points: { tags: string[] }[]) =>
      points.map(({ tags }) => tags.find((tag) => tag.startsWith('type:'))).join(', ')
    const note = isNew ? '' : 'already here'
    rows.push([planName(plan), types(plan.inputs), types(plan.outputs), note])
    plans.push(plan)
  }
  stage.screen.table(['plan', 'asks for', 'puts', ''], rows)
  return plans
}

function chainOf(
  { runs }: Settled,
  { set, testSet, program }: Record<'set' | 'testSet' | 'program', Provided>,
): Chain {
  const ids = {
    trainingSet: set.data.knitId,
    testSet: testSet.data.knitId,
    program: program.data.knitId,
  }
  const chain = findChain(runs, ids)
  if (chain) return chain
  throw new DemoFailed(
    `no runs lead from ${nameOf(set)} to a report, as one has failed or was deleted; choose another --home`,
  )
}

function sayHowMany({ screen, earlier }: Stage, { runs }: Settled): void {
  const old = runs.filter(({ runId }) => earlier.has(runId))
  const note = old.length > 0 ? `, ${old.length} of them from an earlier demo` : ''
  screen.line(`${count(runs, 'run')}, one for each combination of data that fits${note}`)
  const failed = runs.filter(({ status }) => status === 'failed')
  if (failed.length > 0)
    screen.line(`${count(failed, 'run')} of an earlier demo failed then, and is left as it is`)
}

function sayWhatRan({ screen }: Stage, before: Settled, fresh: RunDetail[]): void {
  const others = before.runs.length
  screen.line(
    fresh.length === 0
      ? `it was here already, so nothing had to run; nor did any of the ${others} earlier ones run again`
      : `${count(fresh, 'new run')} (${fresh.map(({ plan }) => planName(plan)).join(', ')}); none of the ${others} earlier ones ran again`,
  )
}

function showRuns({ screen, names }: Stage, runs: RunDetail[]): void {
  const byAge = runs.toSorted((a, b) => (a.runId < b.runId ? -1 : 1))
  const rows = byAge.map((run) => [
    run.runId,
    planName(run.plan),
    subjectOf(run, runs, names),
    screen.paint(run.status === 'done' ? 'green' : 'red', run.status),
    ...describeTimes(run),
  ])
  screen.table(['run', 'plan', 'of', 'status', ...timesHeader], rows)
}
