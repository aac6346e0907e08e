import { admin } from '#shared/contracts/admin.ts'
import type { AuditEntry } from '#shared/domain/audit.ts'
import { formatTime } from '#shared/domain/time.ts'
import { findAudit, type AuditRow } from '#shared/database/audit.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'

export default defineRoute(admin.audit, async ({ query }, { sql }) =>
  (await findAudit(sql, query)).map(show),
)

function show({ id, at, actor, address, ...row }: AuditRow): AuditEntry {
  return {
    auditId: id,
    time: formatTime(at),
    ...(actor !== null && { actor }),
    ...(address !== null && { address }),
    ...row,
    subjects: [...row.subjects],
  }
}
