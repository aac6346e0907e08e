import * as z from 'zod'
import { RunId } from '#shared/domain/ids.ts'
import { RunDetail } from '#shared/domain/run.ts'
import { RunHistory } from '#shared/domain/run-history.ts'
import { runStatuses } from '#shared/domain/run-states.ts'
import { windowQuery } from './data.ts'
import { pageAnswers, pageQuery } from './page.ts'
import { commaList, resource, route } from './route.ts'

const params = z.object({ runId: RunId.describe('Id of the run.') })
const searchable = runStatuses.filter((status) => status !== 'invalidated')

/** What may stand against dropping what a run has written. */
const againstDropping = [
  'run-not-found',
  'run-deleted',
  'run-not-finished',
  'run-held',
  'data-in-transfer',
  'run-in-use',
] as const

export const runs = resource('runs', {
  find: route(() => ({
    method: 'get',
    path: '/api/runs',
    summary: 'Find runs.',
    role: 'viewer',
    query: z.object({
      plan: commaList(z.string().min(1)).optional().describe('Ids of plans, any of them.'),
      knitIdInput: commaList(z.string().min(1))
        .optional()
        .describe('Ids of data read, any of them.'),
      knitIdOutput: commaList(z.string().min(1))
        .optional()
        .describe('Ids of data written, any of them.'),
      status: commaList(
        z.enum(searchable, {
          error: ({ input }) =>
            `"${input}" is no status to search for; there are ${searchable.join(', ')}`,
        }),
      )
        .optional()
        .describe('Statuses, any of them.'),
      ...windowQuery,
      ...pageQuery(RunId),
    }),
    response: z.array(RunDetail),
    answers: pageAnswers,
    problems: ['bad-request'],
  })),
  show: route(() => ({
    method: 'get',
    path: '/api/runs/:runId',
    summary: 'Show one run.',
    role: 'viewer',
    params,
    response: RunDetail,
    problems: ['run-not-found'],
  })),
  history: route(() => ({
    method: 'get',
    path: '/api/runs/:runId/history',
    summary: 'Show everything that has happened to a run, and how long each part took.',
    role: 'viewer',
    params,
    response: RunHistory,
    problems: ['run-not-found'],
  })),
  log: route(() => ({
    method: 'get',
    path: '/api/runs/:runId/log',
    summary: 'Read, or follow, the log of a run.',
    role: 'viewer',
    endless: 'follow',
    params,
    query: z.object({
      follow: z
        .string()
        .optional()
        .describe(
          'Present, and not `false`: goes on until the program ends, or who listens may not any more.',
        ),
    }),
    response: 'application/octet-stream',
    problems: [
      'run-not-found',
      'run-deleted',
      'log-not-found',
      'not-yet',
      'volume-unreachable',
      'storage-full',
    ],
  })),
  abort: route(() => ({
    method: 'put',
    path: '/api/runs/:runId/abort',
    summary: 'Stop a run; it fails.',
    role: 'user',
    params,
    response: RunDetail,
    problems: ['run-not-found', 'move-prohibited'],
  })),
  tearoff: route(() => ({
    method: 'put',
    path: '/api/runs/:runId/tearoff',
    summary: 'Stop a run; it is done with what it has written so far.',
    role: 'user',
    params,
    response: RunDetail,
    problems: ['run-not-found', 'move-prohibited', 'abort-instead'],
  })),
  retry: route(() => ({
    method: 'put',
    path: '/api/runs/:runId/retry',
    summary: 'Execute a finished run once more; what it had written is deleted.',
    role: 'user',
    params,
    response: z.void(),
    problems: [...againstDropping, 'move-prohibited'],
  })),
  delete: route(() => ({
    method: 'delete',
    path: '/api/runs/:runId',
    summary: 'Delete a finished run with what it has written; its inputs are never combined again.',
    role: 'user',
    params,
    response: z.void(),
    status: 204,
    problems: againstDropping,
  })),
})
