import { plans } from '#shared/contracts/plans.ts'
import { Problem } from '#shared/contracts/problems.ts'
import { parseImageQuery } from '#shared/domain/image.ts'
import type { PlanDetail } from '#shared/domain/plan.ts'
import { findPlanIds, showPlans } from '#shared/database/plan-view.ts'
import { previewPlan } from '#shared/database/preview.ts'
import type { Sql } from '#shared/database/sql.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { listed, longestList } from '#shared/runtime/long-list.ts'
import { pageOf, partOf } from '#shared/runtime/page.ts'

export default defineRoute(
  plans.find,
  async ({ query }, { sql }) => {
    const filter = {
      active: query.active,
      image: query.image === undefined ? undefined : parseImageQuery(query.image),
      inTags: query.in_tag,
      outTags: query.out_tag,
    }
    // Where a plan stands is its id.
    const page = await pageOf(query, async (id) => ({ id, at: null }))
    const found = await listed(
      async (list) => {
        const ids = await findPlanIds(sql, filter, page, list)
        if (query.dryRun !== undefined) checkTried(ids.length)
        return ids
      },
      async (ids) => {
        const shown = await showPlans(sql, ids)
        return query.dryRun === undefined ? shown : tryOut(sql, shown)
      },
    )
    return partOf(found, page)
  },
  { minScale: 1, timeout: longestList },
)

const mostTried = 100

function checkTried(count: number): void {
  if (count > mostTried)
    throw new Problem(
      'bad-request',
      `"dryRun" looks at ${mostTried} plans at most, and ${count} were found; narrow the search, or give a limit.`,
    )
}

/** The same plans with what each would start. */
async function tryOut(sql: Sql, found: readonly PlanDetail[]): Promise<PlanDetail[]> {
  const tried: PlanDetail[] = []
  for (const plan of found) {
    const dryRun = await previewPlan(sql, plan.planId)
    tried.push(dryRun ? { ...plan, dryRun } : plan)
  }
  return tried
}
