import { admin } from '#shared/contracts/admin.ts'
import { replayEvents } from '#shared/database/dead-letters.ts'
import { changeDeadEvents } from '#shared/runtime/change-dead-events.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'

export default defineRoute(admin.replay, ({ body: { eventIds } }, ctx) =>
  ctx.once(async (tx) => {
    const replay = (ids: readonly string[]) => replayEvents(tx, ids, ctx.by)
    return { replayed: await changeDeadEvents(eventIds, 'replayed', replay) }
  }),
)
