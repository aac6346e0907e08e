import { ApiError, isUnknownRoute } from '#shared/client/api-error.ts'
import type { CallOptions } from '#shared/client/api.ts'
import type { KnitApi } from '#shared/client/connect.ts'
import { plans } from '#shared/contracts/plans.ts'
import { runs } from '#shared/contracts/runs.ts'
import { bounded } from '../bounded.ts'
import { findData } from '../find-data.ts'
import type { Reach } from './direction.ts'
import type { LineageSource } from './lineage.ts'
import { allThatIsTold, toldBy } from './told-lineage.ts'

/** What one request tells, of a server that knows such a request; of others each thing is looked up. */
export async function sourceOf(
  knitId: string,
  reach: Reach,
  api: KnitApi,
  options: CallOptions,
): Promise<LineageSource> {
  try {
    return toldBy(await allThatIsTold(api, knitId, reach, options))
  } catch (error) {
    if (!isUnknownRoute(error)) throw error
    return lineageSource(api, options)
  }
}

/** Looks data and runs up at the API, a few at a time. */
export function lineageSource(api: KnitApi, options: CallOptions): LineageSource {
  return {
    data: bounded((knitId: string) => findData(api, knitId, options)),
    run: bounded((runId: string) => unlessGone(api.call(runs.show, { runId }, options))),
  }
}

export function planSource(api: KnitApi, options: CallOptions) {
  return bounded((planId: string) => unlessGone(api.call(plans.show, { planId }, options)))
}

async function unlessGone<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined
    throw error
  }
}
