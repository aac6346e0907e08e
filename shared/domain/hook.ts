import * as z from 'zod'
import { RunId } from './ids.ts'
import { runStatuses } from './run-states.ts'
import { Time } from './time.ts'

/** A call of an after-hook, as admins see it. */
export const HookDelivery = z
  .object({
    deliveryId: z.uuid().describe('Sent to the hook as `knit-delivery`.'),
    runId: RunId,
    attempt: z.int().positive().describe('Attempt of the run.'),
    status: z.enum(runStatuses).describe('The status that the hook is told of.'),
    url: z.string().describe('The hook.'),
    state: z
      .enum(['delivered', 'due', 'given-up'])
      .describe('`due` is called again; `given-up` has failed too often.'),
    failures: z.int().nonnegative().describe('How often it failed.'),
    error: z.string().optional().describe('Why it failed last.'),
    createdAt: Time.describe('When the run moved.'),
    deliveredAt: Time.optional().describe('When the hook took it.'),
    dueAt: Time.optional().describe('When it is called again, if it is.'),
  })
  .meta({ id: 'HookDelivery' })
export type HookDelivery = z.infer<typeof HookDelivery>
