import { storable, type Queryable } from './sql.ts'
import { inWindow } from './time-window.ts'

/** What is recorded of a request that changes something, or would have. */
export type AuditRecord = {
  actor?: string | undefined
  address?: string | undefined
  route: string
  subjects: readonly string[]
  status: number
  requestId: string
  trace: string
}

/** Records a request; one that changed something, in the transaction of the change. */
export async function recordAudit(
  sql: Queryable,
  { actor, address, route, subjects, status, requestId, trace }: AuditRecord,
): Promise<void> {
  await sql`
    insert into audit (actor, address, route, subjects, status, request_id, trace)
    values (${actor ?? null}, ${address ?? null}, ${route}, ${subjects.map((one) => storable(one))}::text[],
            ${status}, ${requestId}, ${trace})`
}

export type AuditRow = AuditRecord & {
  id: string
  at: Date
  actor: string | null
  address: string | null
}

export type AuditQuery = {
  actor?: string | undefined
  subject?: string | undefined
  since?: Date | undefined
  /** Id of the last row of the page before. */
  after?: string | undefined
  limit: number
}

/** What was recorded, the newest first. */
export async function findAudit(
  sql: Queryable,
  { actor, subject, since, after, limit }: AuditQuery,
): Promise<AuditRow[]> {
  return sql<AuditRow[]>`
    select id, at, actor, host(address) as address, route, subjects, status,
           request_id as "requestId", trace
      from audit
     where true
           ${actor === undefined ? sql`` : sql`and actor = ${actor}`}
           ${subject === undefined ? sql`` : sql`and subjects @> array[${subject}]`}
           and ${inWindow(sql, sql`at`, { since })}
           ${after === undefined ? sql`` : sql`and (at, id) < (select at, id from audit where id = ${after})`}
     order by at desc, id desc
     limit ${limit}`
}
