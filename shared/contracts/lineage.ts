import * as z from 'zod'
import { ThingId } from '#shared/domain/ids.ts'
import { directions, Lineage } from '#shared/domain/lineage.ts'
import { resource, route } from './route.ts'

export const lineage = resource('lineage', {
  show: route(() => ({
    method: 'get',
    path: '/api/lineage/:id',
    summary: 'Show what a data or a run came from, and what came of it.',
    role: 'viewer',
    params: z.object({ id: ThingId.describe('Id of a data, or of a run.') }),
    query: z.object({
      direction: z
        .enum(directions)
        .default('both')
        .describe('`up`: what it came from; `down`: what came of it.'),
      depth: z.coerce
        .number()
        .int()
        .min(1)
        .max(1000)
        .optional()
        .describe('Steps to go at most, each from data to data; without it to the end.'),
      besides: z
        .enum(['true', 'false'])
        .default('false')
        .transform((text) => text === 'true')
        .describe(
          'Also what the runs on the way read and wrote besides, and no way on from there.',
        ),
      limit: z.coerce
        .number()
        .int()
        .min(1)
        .max(10_000)
        .default(10_000)
        .describe('How many data and runs at the most.'),
      after: ThingId.optional().describe('`after` of the answer before, to go on behind it.'),
      format: z.enum(['json', 'dot']).default('json').describe('`dot`: a document for Graphviz.'),
    }),
    response: Lineage,
    also: 'text/vnd.graphviz',
    problems: ['bad-request', 'thing-not-found'],
  })),
})
