import { admin } from '#shared/contracts/admin.ts'
import type { RecordedEvent } from '#shared/domain/recorded-event.ts'
import { formatTime } from '#shared/domain/time.ts'
import { listDeadEvents, type DeadEvent } from '#shared/database/dead-letters.ts'
import { listWaitingEvents, type WaitingEvent } from '#shared/database/outbox.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'

export default defineRoute(admin.events, async ({ query: { dead, limit } }, { sql }) =>
  dead
    ? (await listDeadEvents(sql, limit)).map(showDead)
    : (await listWaitingEvents(sql, limit)).map(show),
)

const show = ({ id, event: { name, subject, data, time } }: WaitingEvent): RecordedEvent => ({
  eventId: id,
  name,
  subject,
  data,
  time: formatTime(new Date(time)),
})

const showDead = ({ step, cause, times, since, at, ...letter }: DeadEvent): RecordedEvent => ({
  ...show(letter),
  dead: { step, cause, times, since: formatTime(since), at: formatTime(at) },
})
