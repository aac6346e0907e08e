import { admin } from '#shared/contracts/admin.ts'
import type { RecordedEvent } from '#shared/domain/recorded-event.ts'
import { formatTime } from '#shared/domain/time.ts'
import {
  listDeadEvents,
  listWaitingEvents,
  type DeadEvent,
  type WaitingEvent,
} from '#shared/database/outbox.ts'
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

const showDead = (letter: DeadEvent): RecordedEvent => ({
  ...show(letter),
  dead: { step: letter.step, cause: letter.cause, at: formatTime(letter.at) },
})
