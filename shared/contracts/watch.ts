import * as z from 'zod'
import { runStatuses } from '#shared/domain/run-states.ts'
import { commaList, resource, route } from './route.ts'

export const events = resource('events', {
  watch: route(() => ({
    method: 'get',
    path: '/api/events',
    summary:
      'Watch runs: every move is told when it happens, as a server-sent event named `run`. After a break, `Last-Event-ID` goes on where it was; what came about then may be told twice, with the same id. Who may not listen any more, as their token was revoked or has ended, is cut off.',
    role: 'viewer',
    endless: true,
    query: z.object({
      plan: commaList(z.string().min(1)).optional().describe('Ids of plans, any of them.'),
      run: commaList(z.string().min(1)).optional().describe('Ids of runs, any of them.'),
      status: commaList(z.enum(runStatuses)).optional().describe('Statuses, any of them.'),
      after: z
        .string()
        .regex(/^\d{1,15}$/, 'expected the id of an event: a number')
        .optional()
        .describe('As `Last-Event-ID`, for who cannot send headers.'),
    }),
    headers: {
      'Last-Event-ID':
        'Id of the last event that was heard of, to go on behind it. One beyond the last there is, as after a restore of the database, goes on with the latest.',
    },
    response: 'text/event-stream',
    answers: { 200: { headers: { 'Cache-Control': '`no-store`: it is never told again.' } } },
    problems: ['bad-request'],
  })),
})
