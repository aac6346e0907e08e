import * as z from 'zod'
import { RunId } from './ids.ts'
import { PlanSummary } from './plan-summary.ts'
import { runStatuses } from './run-states.ts'
import { Time } from './time.ts'

export const RunExit = z
  .object({
    code: z
      .number()
      .int()
      .min(0)
      .max(255)
      .describe('Exit code of the program, or one the system gave.'),
    message: z.string().describe('Why it ended so; empty after success.'),
  })
  .meta({ id: 'RunExit' })
export type RunExit = z.infer<typeof RunExit>

/** What other things tell of a run. */
export const RunSummary = z
  .object({
    runId: RunId,
    status: z.enum(runStatuses).describe('Where the run is on its way.'),
    updatedAt: Time.describe('When the status last changed.'),
    exit: RunExit.optional().describe('Present once the run is ending.'),
    plan: PlanSummary,
  })
  .meta({ id: 'RunSummary' })
export type RunSummary = z.infer<typeof RunSummary>
