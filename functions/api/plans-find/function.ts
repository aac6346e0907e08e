import { plans } from '#shared/contracts/plans.ts'
import { parseImageQuery } from '#shared/domain/image.ts'
import { findPlanIds, showPlans } from '#shared/database/plan-view.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'

export default defineRoute(
  plans.find,
  async ({ query }, { sql }) => {
    const ids = await findPlanIds(sql, {
      active: query.active,
      image: query.image === undefined ? undefined : parseImageQuery(query.image),
      inTags: query.in_tag,
      outTags: query.out_tag,
    })
    return showPlans(sql, ids)
  },
  { minScale: 1 },
)
