import * as z from 'zod'
import { admin } from '#shared/contracts/admin.ts'
import type { AuditEntry } from '#shared/domain/audit.ts'
import { api } from '../../api.ts'
import { flag, outputArgs } from '../../args.ts'
import { auditColumns } from '../../columns.ts'
import { command } from '../../command.ts'
import type { Context } from '../../context.ts'
import { SinceTime } from '../../formats.ts'
import { print } from '../../output.ts'

const { actor, subject, since } = admin.audit.query.shape
const mostAtOnce = 1000

export default command({
  about: admin.audit.summary,
  examples: ['knit admin audit --since 1d', 'knit admin audit --actor ci'],
  args: {
    actor: flag(actor, { hint: 'NAME' }),
    subject: flag(subject, { hint: 'ID' }),
    since: flag(SinceTime.optional().describe(`${since.description} Or so long ago: 2h, 7d.`), {
      hint: 'TIME',
    }),
    limit: flag(z.coerce.number().int().min(1).default(100).describe('How many at the most.'), {
      hint: 'N',
    }),
    ...outputArgs,
  },
  async run({ limit, output, ...query }, ctx) {
    print(ctx, await findAll(ctx, query, limit), { output }, auditColumns)
  },
})

type Query = { actor?: string; subject?: string; since?: string }

/** Page after page, until there are as many as were asked for, or no more. */
async function findAll(ctx: Context, query: Query, limit: number): Promise<AuditEntry[]> {
  const found: AuditEntry[] = []
  for (let page: AuditEntry[]; found.length < limit; found.push(...page)) {
    const after = found.at(-1)?.auditId
    const asked = Math.min(limit - found.length, mostAtOnce)
    page = await api(ctx).call(admin.audit, { ...query, after, limit: asked }, ctx)
    if (page.length < asked) return [...found, ...page]
  }
  return found
}
