import * as z from 'zod'
import { AuditEntry } from '#shared/domain/audit.ts'
import { Check } from '#shared/domain/check.ts'
import { Garbage } from '#shared/domain/garbage.ts'
import { HookDelivery } from '#shared/domain/hook.ts'
import { RecordedEvent } from '#shared/domain/recorded-event.ts'
import { TimeParam } from '#shared/domain/time.ts'
import { limit } from './limit.ts'
import { resource, route } from './route.ts'

/** What PostgreSQL can compare with. */
const text = z.string().refine((given) => !given.includes('\0'), 'expected text without NUL')

const DeadEvents = z
  .object({ eventIds: z.array(z.string()).min(1).max(1000).describe('Ids of dead events.') })
  .meta({ id: 'DeadEvents' })

/** What operators look after. */
export const admin = resource('admin', {
  check: route(() => ({
    method: 'get',
    path: '/api/admin/check',
    summary: 'Check that everything holds that must always hold.',
    role: 'admin',
    query: z.object({
      patience: z.coerce
        .number()
        .min(0)
        .max(86_400)
        .default(60)
        .describe(
          'Seconds that work may be in progress. 0: nothing goes on, so nothing may be left to do.',
        ),
    }),
    response: z.array(Check),
    problems: ['bad-request'],
  })),
  hooks: route(() => ({
    method: 'get',
    path: '/api/admin/hooks',
    summary: 'List calls of after-hooks, the newest first.',
    role: 'admin',
    query: z.object({
      open: z
        .enum(['true', 'false'])
        .default('false')
        .transform((text) => text === 'true')
        .describe('Only those that no hook has taken.'),
      limit,
    }),
    response: z.array(HookDelivery),
    problems: ['bad-request'],
  })),
  garbage: route(() => ({
    method: 'get',
    path: '/api/admin/garbage',
    summary:
      'List volumes that nobody needs any more and that are still there, those first whose turn comes next.',
    role: 'admin',
    query: z.object({
      stuck: z
        .enum(['true', 'false'])
        .default('false')
        .transform((text) => text === 'true')
        .describe('Only those that could not be deleted.'),
      limit,
    }),
    response: z.array(Garbage),
    problems: ['bad-request'],
  })),
  events: route(() => ({
    method: 'get',
    path: '/api/admin/events',
    summary:
      'List undelivered events, the newest first: those that wait to be published, or dead ones.',
    role: 'admin',
    query: z.object({
      dead: z
        .enum(['true', 'false'])
        .default('false')
        .transform((text) => text === 'true')
        .describe('Only dead ones, of which every delivery failed.'),
      limit,
    }),
    response: z.array(RecordedEvent),
    problems: ['bad-request'],
  })),
  replay: route(() => ({
    method: 'post',
    path: '/api/admin/events/replay',
    summary: 'Publish dead events again, all of them or none.',
    role: 'admin',
    body: DeadEvents,
    response: z
      .object({ replayed: z.int().describe('How many events were published again.') })
      .meta({ id: 'Replayed' }),
    problems: ['bad-request', 'too-large', 'event-not-found'],
  })),
  drop: route(() => ({
    method: 'post',
    path: '/api/admin/events/drop',
    summary:
      'Forget dead events, all of them or none. Work that they told of and that is still due stays so.',
    role: 'admin',
    body: DeadEvents,
    response: z
      .object({ dropped: z.int().describe('How many events were forgotten.') })
      .meta({ id: 'Dropped' }),
    problems: ['bad-request', 'too-large', 'event-not-found'],
  })),
  audit: route(() => ({
    method: 'get',
    path: '/api/admin/audit',
    summary: 'List who has changed what, and who was not allowed to, the newest first.',
    role: 'admin',
    query: z.object({
      actor: text.optional().describe('Only by this one.'),
      subject: text.optional().describe('Only about the thing with this id, or name.'),
      since: TimeParam.optional().describe('Only at or after this time.'),
      after: z.uuid().optional().describe('`auditId` of the last one of the page before.'),
      limit,
    }),
    response: z.array(AuditEntry),
    problems: ['bad-request'],
  })),
})
