import { admin } from '#shared/contracts/admin.ts'
import type { HookDelivery } from '#shared/domain/hook.ts'
import { formatTime } from '#shared/domain/time.ts'
import { listDeliveries, type DeliveryRow } from '#shared/database/hooks.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'

export default defineRoute(admin.hooks, async ({ query: { open, limit } }, { sql, config }) => {
  const rows = await listDeliveries(sql, { open, limit })
  return rows.map((row) => show(row, config.maxHookFailures))
})

function show(row: DeliveryRow, maxFailures: number): HookDelivery {
  const { id, runId, attempt, status, url, failures, lastError } = row
  const state = row.deliveredAt ? 'delivered' : failures < maxFailures ? 'due' : 'given-up'
  return {
    deliveryId: id,
    runId,
    attempt,
    status,
    url,
    state,
    failures,
    ...(lastError !== null && { error: lastError }),
    createdAt: formatTime(row.createdAt),
    ...(row.deliveredAt && { deliveredAt: formatTime(row.deliveredAt) }),
    ...(state === 'due' && { dueAt: formatTime(row.dueAt) }),
  }
}
