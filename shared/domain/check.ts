import * as z from 'zod'

/** Whether something that must always hold does hold. */
export const Check = z
  .object({
    sentence: z.string().describe('What must hold.'),
    state: z
      .enum(['holds', 'violated', 'unknown'])
      .describe('`unknown` could not be found out, for the `reason` given.'),
    things: z.array(z.string()).describe('What breaks it, with ids; the first hundred.'),
    reason: z.string().optional(),
  })
  .meta({ id: 'Check' })
export type Check = z.infer<typeof Check>
