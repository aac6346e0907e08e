import { data } from '#shared/contracts/data.ts'
import { plans } from '#shared/contracts/plans.ts'
import { runs } from '#shared/contracts/runs.ts'
import type { Api } from '#shared/client/api.ts'
import type { DataDetail } from '#shared/domain/data.ts'
import type { PlanDetail } from '#shared/domain/plan.ts'

/** Runs `knit` with these arguments and answers what it printed. Throws when it fails. */
export type Knit = (...args: string[]) => Promise<string>

export type KnitClient = ReturnType<typeof knitClient>

/** What is done is done by commands, as a user would; what is only watched is read through the client. */
export function knitClient({ knit, api, signal }: { knit: Knit; api: Api; signal: AbortSignal }) {
  const tagFlags = (tags: string[]) => tags.flatMap((tag) => ['--tag', tag])

  return {
    async push(folder: string, tags: string[]): Promise<DataDetail> {
      return JSON.parse(await knit('data', 'push', ...tagFlags(tags), folder))
    },
    async apply(file: string): Promise<PlanDetail> {
      return JSON.parse(await knit('plan', 'apply', file))
    },
    activate: (planId: string) => knit('plan', 'active', 'yes', planId),
    pull: (knitId: string, folder: string) => knit('data', 'pull', '-x', knitId, folder),
    log: (runId: string) => knit('run', 'show', '--log', runId),
    lineageDot: (knitId: string) => knit('data', 'lineage', '-n', 'all', knitId),

    findData: (tags: string[]) => api.call(data.find, { tag: tags }, { signal }),
    findPlans: (image: string) => api.call(plans.find, { image }, { signal }),
    findRuns: (planIds: string[]) => api.call(runs.find, { plan: planIds.join(',') }, { signal }),
    showRun: (runId: string) => api.call(runs.show, { runId }, { signal }),
  }
}
