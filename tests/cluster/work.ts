import { randomUUID } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ApiError } from '#shared/client/api-error.ts'
import type { KnitApi } from '#shared/client/connect.ts'
import { data } from '#shared/contracts/data.ts'
import { plans } from '#shared/contracts/plans.ts'
import type { RequestOf } from '#shared/contracts/route.ts'
import { runs } from '#shared/contracts/runs.ts'
import type { RunDetail } from '#shared/domain/run.ts'
import { isEnded } from '#shared/domain/run-states.ts'
import { pushText } from '#tests/support/home-work.ts'
import { until } from '#tests/support/until.ts'
import type { Knit } from '../demo/knit.ts'
import type { Installed } from './installation.ts'

/** A plan as its file says it. */
export type PlanText = RequestOf<typeof plans.apply>['body']

/** What tests ask for again and again. */
export type Work = {
  /** The id of the only run of a new plan, in which a line of shell reads `/in/text` and writes to `/out`. */
  start(line: string, more?: PlanText): Promise<string>
  /** A run as the command shows it. */
  show(runId: string): Promise<RunDetail>
  /** A run once it is such. */
  until(runId: string, is: (run: RunDetail) => unknown): Promise<RunDetail>
  end(runId: string): Promise<RunDetail>
  /** Lets those runs fail that it started and that go on. */
  leave(): Promise<void>
  /** The files of a data and what is in them, by their paths; of a folder, nothing. */
  pull(knitId: string): Promise<Record<string, string | undefined>>
}

// Room for many at a time on a node of two cores.
const little = { cpu: '50m', memory: '64Mi' }

type World = { folder: string; there: Installed; api: KnitApi; knit: Knit }

/** Says that it has begun when it has written something, and goes on until it is stopped. */
export const untilStopped =
  "trap 'exit 0' TERM; echo so far > /out/text; echo begun; sleep 1000 & wait"

export const isRunning = ({ status }: RunDetail): boolean => status === 'running'

const isOver = ({ status }: RunDetail): boolean => isEnded(status)

export function workIn({ folder, there, api, knit }: World): Work {
  const started: string[] = []
  /** Lets a run fail, unless it is ending by itself, or has ended. */
  const stop = (runId: string) =>
    api.call(runs.abort, { runId }).catch((error: unknown) => {
      if (!(error instanceof ApiError && error.status === 409)) throw error
    })
  const work: Work = {
    async start(line, more) {
      const { planId } = await api.call(plans.apply, {
        body: {
          image: there.images.tools,
          entrypoint: ['sh', '-c', line],
          inputs: [{ path: '/in', tags: [material] }],
          outputs: [{ path: '/out', tags: [`of:${randomUUID()}`] }],
          log: {},
          resources: little,
          ...more,
        },
      })
      const runId = await until(async () => (await api.call(runs.find, { plan: planId }))[0]?.runId)
      started.push(runId)
      return runId
    },
    show: async (runId) => JSON.parse(await knit('run', 'show', runId)),
    async until(runId, is) {
      let seen: RunDetail | undefined
      const look = async () => {
        seen = await api.call(runs.show, { runId })
        return is(seen) && seen
      }
      try {
        return (await until(look)) as RunDetail
      } catch (error) {
        throw new Error(`${is} never held; at last it was ${JSON.stringify(seen)}`, {
          cause: error,
        })
      }
    },
    end: (runId) => work.until(runId, isOver),
    async leave() {
      const all = await api.call(runs.find, {})
      const left = all.filter((run) => started.includes(run.runId) && !isOver(run))
      for (const { runId } of left) await stop(runId)
      for (const { runId } of left) await work.end(runId)
    },
    async pull(knitId) {
      const into = join(folder, `pulled-${randomUUID()}`)
      mkdirSync(into)
      await knit('data', 'pull', '-x', knitId, into)
      return treeIn(join(into, knitId))
    },
  }
  return work
}

const material = 'for:tests'

/** One data for all tests: a plan makes a run of it at once, and nothing that comes later makes another. */
export async function makeMaterial(api: KnitApi, folder: string): Promise<void> {
  const [there] = await api.call(data.find, { tag: [material] })
  if (!there) await pushText(api, folder, 'material\n', material)
}

/** What a folder holds, by its paths. */
export function treeIn(folder: string): Record<string, string | undefined> {
  const found = readdirSync(folder, { recursive: true, withFileTypes: true })
  return Object.fromEntries(
    found.map((entry) => {
      const path = join(entry.parentPath, entry.name)
      return [
        path.slice(folder.length + 1),
        entry.isFile() ? readFileSync(path, 'utf8') : undefined,
      ]
    }),
  )
}

export const outputOf = ({ outputs }: RunDetail): string => outputs[0]?.knitId ?? ''
