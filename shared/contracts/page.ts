import * as z from 'zod'

/** For who asks for a part of a list. Its order is the other way round, as the newest are looked at first. */
export const pageQuery = <Id extends z.ZodType<string, string>>(id: Id) => ({
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(1000)
    .optional()
    .describe('At most so many, the newest first; without it there are all, the newest last.'),
  after: id.optional().describe('Id of the last one that came before; needs `limit`.'),
})
