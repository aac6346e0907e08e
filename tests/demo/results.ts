import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { outputOf, planName, tagOf, type Chain } from './chains.ts'
import { descendsFrom, lineageTree, traceLineage } from './lineage-tree.ts'
import { DemoFailed, type Stage } from './stage.ts'

export type Result = {
  name: string
  folder: string
  accuracy: number
  trainedOn: number
  /** Of each epoch. */
  losses: string[]
}

/** Pulls what the chain of a training set has made, and reads the accuracy out of the files that came. */
export async function pullResult(stage: Stage, name: string, chain: Chain): Promise<Result> {
  const { knit, folder } = stage
  const target = join(folder, 'results', name.replaceAll(' ', '-'))
  await rm(target, { recursive: true, force: true })
  await mkdir(target, { recursive: true })
  for (const run of [chain.evaluate, chain.report]) {
    await knit.pull(outputOf(run), target)
    await rename(join(target, outputOf(run)), join(target, planName(run.plan)))
  }
  const log = await knit.log(chain.train.runId)
  await writeFile(join(target, 'training.log'), log)

  const metricsFile = join(target, 'evaluate', 'metrics.json')
  const { accuracy, trainedOn } = JSON.parse(await readFile(metricsFile, 'utf8'))
  const losses = [...log.matchAll(/loss (\S+)/g)].map(([, loss]) => loss ?? '')
  return { name, folder: target, accuracy, trainedOn, losses }
}

const lowest = 0.9

/** A model that has learnt nothing reads one digit in ten. */
export function checkAccuracy({ name, accuracy }: Result): void {
  if (!(accuracy >= lowest && accuracy <= 1))
    throw new DemoFailed(
      `the model of ${name} reads ${formatPercent(accuracy)} of the digits; at least ${formatPercent(lowest)} were expected`,
    )
}

export const formatPercent = (part: number) => `${(100 * part).toFixed(1)} %`

/** Shows what a report was made of, keeps the same as a graph, and answers where. */
export async function showLineage(
  stage: Stage,
  reportId: string,
  { root }: { root: string },
): Promise<string> {
  const { knit, folder, screen, names } = stage
  const lineage = await traceLineage(reportId, {
    findData: async (knitId) => (await knit.findData([`knit#id:${knitId}`]))[0],
    showRun: knit.showRun,
  })
  if (!descendsFrom(reportId, root, lineage))
    throw new DemoFailed(`the lineage of the report ${reportId} does not lead back to ${root}`)

  const tree = lineageTree(reportId, lineage, {
    data: (data) => names.get(data.knitId) ?? tagOf(data, 'type') ?? 'data',
    maker: (run) =>
      run.plan.name === 'knit#uploaded' ? 'pushed' : `by plan ${planName(run.plan)}`,
  })
  for (const line of tree) screen.line(line)

  const file = join(folder, 'lineage.dot')
  await writeFile(file, await knit.lineageDot(reportId))
  return file
}
