import type { AuditEntry } from '#shared/domain/audit.ts'
import type { Check } from '#shared/domain/check.ts'
import type { DataDetail } from '#shared/domain/data.ts'
import type { Garbage } from '#shared/domain/garbage.ts'
import type { HookDelivery } from '#shared/domain/hook.ts'
import type { PlanSummary } from '#shared/domain/plan-summary.ts'
import type { PlanDetail, PlanUsage } from '#shared/domain/plan.ts'
import type { RecordedEvent } from '#shared/domain/recorded-event.ts'
import type { RunDetail } from '#shared/domain/run.ts'
import type { Token } from '#shared/domain/token.ts'
import { between } from './formats.ts'
import type { Column } from './output.ts'
import { shownBytes } from './progress.ts'
import { whyOf } from './runs/why.ts'
import { endOf } from './width.ts'

const systemTag = (data: DataDetail, key: string): string =>
  data.tags.find((tag) => tag.startsWith(`${key}:`))?.slice(key.length + 1) ?? ''

export const nameOf = (plan: PlanSummary): string => plan.image ?? plan.name ?? ''

const paths = (points: { path: string }[]): string => points.map(({ path }) => path).join(' ')

export const dataColumns: Column<DataDetail>[] = [
  ['KNIT ID', (data) => data.knitId],
  ['TIMESTAMP', (data, time) => time(systemTag(data, 'knit#timestamp'))],
  ['STATE', (data) => systemTag(data, 'knit#transient') || 'ready'],
  ['TAGS', (data) => data.tags.filter((tag) => !tag.startsWith('knit#')).join(', ')],
]

export const planColumns: Column<PlanDetail>[] = [
  ['PLAN ID', (plan) => plan.planId],
  ['ACTIVE', (plan) => (plan.paused ? 'paused' : plan.active ? 'yes' : 'no')],
  ['IMAGE', nameOf, endOf],
  ['INPUTS', (plan) => paths(plan.inputs)],
  ['OUTPUTS', (plan) => [paths(plan.outputs), plan.log && '(log)'].filter(Boolean).join(' ')],
]

export const usageColumns: Column<PlanUsage>[] = [
  ['PLAN ID', ({ planId }) => planId],
  ['RUNS', ({ runs }) => String(runs)],
  ['DATA', ({ data }) => String(data)],
  ['FILES', ({ files }) => String(files)],
  ['SIZE', ({ bytes }) => shownBytes(bytes)],
]

export const runColumns: Column<RunDetail>[] = [
  ['RUN ID', (run) => run.runId],
  ['STATUS', (run) => run.status],
  ['UPDATED', (run, time) => time(run.updatedAt)],
  ['TOOK', (run) => between(run.startedAt, run.endedAt)],
  ['IMAGE', (run) => nameOf(run.plan), endOf],
  ['WHY', (run) => whyOf(run) ?? ''],
]

export const hookColumns: Column<HookDelivery>[] = [
  ['RUN ID', (call) => call.runId],
  ['STATUS', (call) => call.status],
  ['HOOK', (call) => call.url],
  ['STATE', (call) => call.state],
  ['FAILURES', (call) => String(call.failures)],
  ['ERROR', (call) => call.error ?? ''],
]

export const garbageColumns: Column<Garbage>[] = [
  ['VOLUME', (garbage) => garbage.volume],
  ['SINCE', (garbage, time) => time(garbage.createdAt)],
  ['FAILURES', (garbage) => String(garbage.failures)],
  ['REASON', (garbage) => garbage.reason ?? ''],
]

export const eventColumns: Column<RecordedEvent>[] = [
  ['EVENT ID', (event) => event.eventId],
  ['TIME', (event, time) => time(event.time)],
  ['NAME', (event) => event.name],
  ['SUBJECT', (event) => event.subject],
  ['STEP', ({ dead }) => dead?.step ?? ''],
  ['SINCE', ({ dead }, time) => time(dead?.since ?? '')],
  ['TIMES', ({ dead }) => String(dead?.times ?? '')],
  ['CAUSE', ({ dead }) => dead?.cause ?? ''],
]

export const tokenColumns: Column<Token>[] = [
  ['NAME', (token) => token.name],
  ['ROLE', (token) => token.role],
  ['STATE', (token) => token.state],
  ['EXPIRES', (token, time) => time(token.expiresAt)],
  ['LAST USED', ({ lastUsedAt }, time) => time(lastUsedAt ?? '')],
  ['MADE BY', (token) => token.createdBy],
  ['REVOKED BY', (token) => token.revokedBy ?? ''],
]

export const auditColumns: Column<AuditEntry>[] = [
  ['TIME', (entry, time) => time(entry.time)],
  ['WHO', (entry) => entry.actor ?? ''],
  ['FROM', (entry) => entry.address ?? ''],
  ['WHAT', (entry) => entry.route],
  ['STATUS', (entry) => String(entry.status)],
  ['ABOUT', (entry) => entry.subjects.join(' ')],
  ['REQUEST ID', (entry) => entry.requestId],
]

export const checkColumns: Column<Check>[] = [
  ['STATE', (check) => check.state],
  ['WHAT MUST HOLD', (check) => check.sentence],
  ['BROKEN BY', (check) => check.reason ?? check.things.join(', ')],
]
