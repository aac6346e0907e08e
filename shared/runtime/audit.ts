import type { Route } from '#shared/contracts/route.ts'
import type { AuditRecord } from '#shared/database/audit.ts'

/** Under these names requests and answers say which things they are about. */
const named = ['knitId', 'planId', 'runId', 'eventIds', 'name']

/** What is recorded of a request that has changed something. */
export function auditOf(
  contract: Route,
  who: Pick<AuditRecord, 'actor' | 'address' | 'requestId' | 'trace'>,
  asked: { params: object; body: unknown },
  answer: unknown,
): AuditRecord {
  const told = [asked.params, asked.body, answer].flatMap(subjectsIn)
  const subjects = [...new Set(told)]
  return { ...who, route: contract.name, subjects, status: contract.status ?? 200 }
}

function subjectsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, told]) => (named.includes(key) ? [told].flat() : []))
}
