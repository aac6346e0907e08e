import * as z from 'zod'
import { parseAfter, type After } from '#shared/domain/place.ts'
import type { RouteSpec } from './route.ts'

/** With it a part of a list says behind what the next one begins. */
export const afterHeader = 'Knit-After'

/** For who asks for a part of a list. Its order is the other way round, as the newest are looked at first. */
export const pageQuery = <Id extends z.ZodType<string, string>>(id: Id) => ({
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(1000)
    .optional()
    .describe('At most so many, the newest first; without it there are all, the newest last.'),
  after: z
    .string()
    .transform((text, ctx): After => {
      const after = parseAfter(text)
      const { error } = id.safeParse(after?.id ?? text)
      if (after && !error) return after
      const wrong = error?.issues[0]?.message ?? 'expected an id'
      ctx.addIssue({ code: 'custom', message: `${wrong}, or the ${afterHeader} of an answer` })
      return z.NEVER
    })
    .optional()
    .describe(
      `\`${afterHeader}\` of the part before, to go on behind it; needs \`limit\`. The id of the last one that came is taken as well: then it goes on behind where that one stands now.`,
    ),
})

/** What an answer with a part of a list says besides. */
export const pageAnswers = {
  200: {
    maybe: {
      [afterHeader]:
        'Of a part, when there may be more: `after` of the next one, as it is. What is changed meanwhile never shifts what follows: runs that move are newer than all of it, and data that end come once more, among those that have ended.',
    },
  },
} as const satisfies RouteSpec['answers']
