import { plans } from '#shared/contracts/plans.ts'
import { parseImageQuery } from '#shared/domain/image.ts'
import { findPlanIds, showPlans } from '#shared/database/plan-view.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { pageOf } from '#shared/runtime/page.ts'

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
    const page = await pageOf(query, async (id) => id)
    return showPlans(sql, await findPlanIds(sql, filter, page))
  },
  { minScale: 1 },
)
