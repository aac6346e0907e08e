import * as z from 'zod'
import { KnitId } from './ids.ts'
import { RunExit, RunSummary } from './run-summary.ts'
import { Time } from './time.ts'
import { LogPoint, Mountpoint } from './wire.ts'

/**
 * What a failure is to be laid to: the user's `program`, which is never run again by itself; the `machine` (lost, evicted,
 * the program never began), which may be tried again; the `plan`, which can never succeed as it is written; the `user`; or the local
 * `home`, whose user stopped it with all that ran there: that is always tried again, and counts as no attempt.
 */
export const failureCauses = ['program', 'machine', 'plan', 'user', 'home'] as const
export type FailureCause = (typeof failureCauses)[number]

export const AttemptNumber = z.number().int().positive()

export const RunAttempt = z
  .object({
    attempt: AttemptNumber.describe('Its number; the first is 1.'),
    image: z
      .string()
      .optional()
      .describe('The image as it was executed: a digest where the engine knows one.'),
    variables: z
      .array(z.string())
      .optional()
      .describe('Names of the variables that hooks gave its program; what they hold is not told.'),
    startedAt: Time.optional().describe('When its program began.'),
    endedAt: Time.optional().describe('When its program ended, or it was found out that it had.'),
    exit: RunExit.optional().describe('How it ended.'),
    cause: z.enum(failureCauses).optional().describe('What its failure is laid to.'),
  })
  .meta({ id: 'RunAttempt' })
export type RunAttempt = z.infer<typeof RunAttempt>

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
    // What follows not every server of this API tells.
    reason: z
      .string()
      .optional()
      .describe('Why it is where it is: what it waits for, or how it came to its end.'),
    attempt: AttemptNumber.optional().describe('Number of the current attempt.'),
    createdAt: Time.optional().describe('When it was made.'),
    startedAt: Time.optional().describe('When the program of this attempt began.'),
    endedAt: Time.optional().describe('When the program of this attempt ended.'),
    attempts: z
      .array(RunAttempt)
      .optional()
      .describe('Every attempt there was something to tell of, in order.'),
    bytes: z.int().optional().describe('Bytes of all it has written, once that is known.'),
  })
  .meta({ id: 'RunDetail' })
export type RunDetail = z.infer<typeof RunDetail>
