import * as z from 'zod'
import { Time } from './time.ts'

/** For so many days at the least the database forgets nothing of the audit. */
export const leastDaysOfAudit = 30

/** Somebody changed something, or was not allowed to. */
export const AuditEntry = z
  .object({
    auditId: z.uuid().describe('What the next page may be asked `after`.'),
    time: Time.describe('When.'),
    actor: z.string().optional().describe('Who; absent when that could not be known.'),
    address: z.string().optional().describe('Where from, as the gateway saw it.'),
    route: z.string().describe('What was asked for.'),
    subjects: z.array(z.string()).describe('Ids and names of the things it was about.'),
    status: z.int().describe('How it was answered; from 400 on nothing was changed.'),
    requestId: z.string().describe('What to look for in the log.'),
    trace: z.string().describe('The trace it belongs to.'),
  })
  .meta({ id: 'AuditEntry' })
export type AuditEntry = z.infer<typeof AuditEntry>
