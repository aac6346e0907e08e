import * as z from 'zod'
import { KnitId, PlanId, RunId, ThingId } from './ids.ts'
import { runStatuses } from './run-states.ts'
import { Time } from './time.ts'
import { TagOut } from './wire.ts'

/** What something came from, and what came of it: data, the runs between them, and who reads or writes what. */
export const Lineage = z
  .object({
    id: ThingId.describe('What was asked about.'),
    data: z.array(
      z.object({ knitId: KnitId, tags: z.array(TagOut).describe('As the data shows them.') }),
    ),
    runs: z.array(
      z.object({
        runId: RunId,
        status: z.enum(runStatuses),
        updatedAt: Time,
        planId: PlanId,
        plan: z.string().describe('Its image; of built-in plans the name.'),
      }),
    ),
    edges: z
      .array(
        z.object({
          from: ThingId,
          to: ThingId,
          path: z.string().optional().describe('Where it is mounted; absent for a log.'),
          position: z.int().describe('Which input, or output, of its plan that is, from 0 on.'),
        }),
      )
      .describe(
        'A data that a run reads, or a run that writes a data. Told with the thing it leads to.',
      ),
    after: ThingId.optional().describe('There is more: ask again with this as `after`.'),
  })
  .meta({ id: 'Lineage' })
export type Lineage = z.infer<typeof Lineage>

/** Which way to go from where one begins. */
export const directions = ['both', 'up', 'down'] as const
export type Direction = (typeof directions)[number]
