import * as z from 'zod'

/** How much of a list is asked for. */
export const limit = z.coerce
  .number()
  .int()
  .min(1)
  .max(1000)
  .default(100)
  .describe('How many at the most.')
