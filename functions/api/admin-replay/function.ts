import { admin } from '#shared/contracts/admin.ts'
import { Problem } from '#shared/contracts/problems.ts'
import { isId } from '#shared/domain/ids.ts'
import { replayEvents } from '#shared/database/outbox.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'

export default defineRoute(admin.replay, async ({ body: { eventIds } }, ctx) => {
  const ids = [...new Set(eventIds)]
  return ctx.once(async (tx) => {
    const found = await replayEvents(tx, ids.filter(isId), ctx.by)
    const missing = ids.filter((id) => !found.has(id))
    if (missing.length > 0)
      throw new Problem(
        'event-not-found',
        `No dead event has the id ${missing.join(', ')}; nothing was replayed.`,
      )
    return { replayed: found.size }
  })
})
