import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pack } from '#shared/archive/pack.ts'
import { unpack } from '#shared/archive/unpack.ts'
import type { KnitApi } from '#shared/client/connect.ts'
import { plans } from '#shared/contracts/plans.ts'
import { runs } from '#shared/contracts/runs.ts'
import type { RunDetail } from '#shared/domain/run.ts'

/** Pushes a folder with one file, `text`; gives back the id of the data. */
export async function pushText(
  api: KnitApi,
  folder: string,
  content: string,
  ...tags: string[]
): Promise<string> {
  const source = join(folder, `source-${tags.join('-').replaceAll(':', '_')}`)
  mkdirSync(source, { recursive: true })
  writeFileSync(join(source, 'text'), content)
  const { knitId } = await api.push(pack(source), { tags })
  return knitId
}

export async function pullText(api: KnitApi, folder: string, knitId: string): Promise<string> {
  const target = join(folder, `pulled-${knitId}`)
  mkdirSync(target)
  await unpack(await api.pull(knitId), target)
  return readFileSync(join(target, 'text'), 'utf8')
}

/** A plan that reads the text of data with `tag` and runs a line of shell, with the input at /in and the output at /out. */
export async function shellPlan(
  api: KnitApi,
  tag: string,
  line: string,
  put: string,
  image = 'knit.local/host:1',
): Promise<string> {
  const plan = await api.call(plans.apply, {
    body: {
      image,
      entrypoint: ['sh', '-c', line],
      inputs: [{ path: '/in', tags: [tag] }],
      outputs: [{ path: '/out', tags: [put] }],
      log: { tags: ['type:log'] },
    },
  })
  return plan.planId
}

export const runsOf = (api: KnitApi, planId: string): Promise<RunDetail[]> =>
  api.call(runs.find, { plan: planId })

/** The only run of a plan, once it has ended. */
export async function ended(api: KnitApi, planId: string): Promise<RunDetail | undefined> {
  const [run] = await runsOf(api, planId)
  return run && ['done', 'failed'].includes(run.status) ? run : undefined
}
