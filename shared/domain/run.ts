import { z } from 'zod'
import { KnitId, RunId } from './ids.ts'
import { PlanSummary } from './plan.ts'
import { runStatuses } from './run-states.ts'
import { Time } from './time.ts'
import { LogPoint, Mountpoint } from './wire.ts'

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

const knitId = z
  .union([KnitId, z.literal('')])
  .describe('The data; empty once it has been deleted.')

export const RunDetail = z
  .object({
    ...RunSummary.shape,
    inputs: z.array(z.object({ ...Mountpoint.shape, knitId })).describe("In the plan's order."),
    outputs: z.array(z.object({ ...Mountpoint.shape, knitId })).describe("In the plan's order."),
    log: z
      .object({ ...LogPoint.shape, knitId })
      .nullable()
      .describe('Null when the plan keeps no log.'),
  })
  .meta({ id: 'RunDetail' })
export type RunDetail = z.infer<typeof RunDetail>

/** Exit codes the system itself gives. */
export const systemExits = {
  stopped: { code: 0, message: 'stopped by user' },
  aborted: { code: 253, message: 'aborted by user' },
  lost: { code: 254, message: 'worker for the run is not found' },
} as const

/** Code of a run that could not be started as it is written; the message says why. */
export const unstartableCode = 255

/**
 * What a failure is to be laid to: the user's `program`, which is never run again by itself; the `machine` (lost, evicted,
 * the program never began), which may be tried again; the `plan`, which can never succeed as it is written; or the `user`.
 */
export type FailureCause = 'program' | 'machine' | 'plan' | 'user'
