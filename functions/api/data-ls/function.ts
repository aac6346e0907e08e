import { data } from '#shared/contracts/data.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { leased } from '#shared/runtime/leased.ts'

/** Lists what data hold, part by part: no content is read. */
export default defineRoute(
  data.ls,
  ({ params: { knitId }, query }, ctx) =>
    leased(ctx, knitId, ({ volume }) => ctx.transfers.listFiles(volume, query)),
  // What has the volume mounted may have to be started first.
  { timeout: 150, uses: ['listFiles'] },
)
