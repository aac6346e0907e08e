import { admin } from '#shared/contracts/admin.ts'
import { dropEvents } from '#shared/database/dead-letters.ts'
import { changeDeadEvents } from '#shared/runtime/change-dead-events.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'

export default defineRoute(admin.drop, ({ body: { eventIds } }, ctx) =>
  ctx.once(async (tx) => {
    const drop = (ids: readonly string[]) => dropEvents(tx, ids)
    return { dropped: await changeDeadEvents(eventIds, 'dropped', drop) }
  }),
)
