import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { KnitApi } from '#shared/client/connect.ts'
import { data } from '#shared/contracts/data.ts'
import { plans } from '#shared/contracts/plans.ts'
import { runs } from '#shared/contracts/runs.ts'
import type { RunDetail } from '#shared/domain/run.ts'
import { isEnded, runStatuses } from '#shared/domain/run-states.ts'
import { pushText } from '#tests/support/home-work.ts'
import { asked } from '../asked.ts'
import type { Installed } from '../installation.ts'
import type { PlanText } from '../work.ts'

/** Runs that are on their way while something happens: of one plan, which combines the data there are for it. */
export type Load = {
  planId: string
  size: Size
  /** Which of its runs have not ended. */
  open(): Promise<RunDetail[]>
  /** All of them, once every one has ended. */
  settled(): Promise<RunDetail[]>
  /** The data that they have written and that may be read. */
  written(): Promise<string[]>
}

/** What loads read has this tag. */
export const materialTag = 'fire:ten'

/** How many runs, and of how many data, read at how many places. */
const sizes = {
  5: { tag: 'fire:five', count: 5, places: ['/in'] },
  25: { tag: 'fire:five', count: 5, places: ['/in', '/in2'] },
  100: { tag: materialTag, count: 10, places: ['/in', '/in2'] },
} as const
export type Size = keyof typeof sizes

/** Says in which Pod it was executed: a line for each time. */
const program = (seconds: number) => `cat /etc/hostname >> /out/text; sleep ${seconds}`

// Twenty programs a minute are what a node of two cores executes in bad times.
const patience = 20 * 60_000
const notEnded = runStatuses.filter((status) => !isEnded(status) && status !== 'deactivated')

type Options = { seconds?: number; more?: PlanText }

/** Registers a plan whose runs could begin at once. */
export async function startLoad(
  { api, there, folder }: { api: KnitApi; there: Installed; folder: string },
  size: Size,
  { seconds = 1, more }: Options = {},
): Promise<Load> {
  const { tag, count, places } = sizes[size]
  await makeMaterial(api, folder, count)
  const put = `of:${randomUUID()}`
  const { planId } = await api.call(plans.apply, {
    body: {
      image: there.images.tools,
      entrypoint: ['sh', '-c', program(seconds)],
      inputs: places.map((path) => ({ path, tags: [tag] })),
      outputs: [{ path: '/out', tags: [put] }],
      resources: { cpu: '10m', memory: '32Mi' },
      ...more,
    },
  })
  const open = () => api.call(runs.find, { plan: planId, status: notEnded.join(',') })
  const all = () => api.call(runs.find, { plan: planId })
  await asked(async () => (await all()).length === size)
  return {
    planId,
    size,
    open,
    async settled() {
      await asked(async () => (await open()).length === 0, { patience })
      return asked(all)
    },
    written: async () => (await asked(() => api.call(data.find, { tag: [put] }))).map(idOf),
  }
}

const idOf = ({ knitId }: { knitId: string }): string => knitId

/** So many data for all loads, of which the first five are for the smaller ones as well. */
async function makeMaterial(api: KnitApi, folder: string, count: number): Promise<void> {
  const { length: there } = await api.call(data.find, { tag: [materialTag] })
  const missing = Array.from({ length: Math.max(0, count - there) }, (_, index) => there + index)
  await Promise.all(
    missing.map((n) => {
      const tags = [materialTag, ...(n < sizes[5].count ? [sizes[5].tag] : [])]
      return pushText(api, join(folder, `material-${n}`), `material ${n}\n`, ...tags)
    }),
  )
}
