import { admin } from '#shared/contracts/admin.ts'
import type { Garbage } from '#shared/domain/garbage.ts'
import { formatTime } from '#shared/domain/time.ts'
import { listGarbage, type GarbageRow } from '#shared/database/garbage.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'

export default defineRoute(admin.garbage, async ({ query }, { sql }) =>
  (await listGarbage(sql, query)).map(show),
)

const show = ({ volume, failures, reason, createdAt, dueAt }: GarbageRow): Garbage => ({
  volume,
  failures,
  ...(reason !== null && { reason }),
  createdAt: formatTime(createdAt),
  dueAt: formatTime(dueAt),
})
