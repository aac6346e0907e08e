import * as z from 'zod'
import { admin } from '#shared/contracts/admin.ts'
import { api } from '../../api.ts'
import { flag, outputArgs } from '../../args.ts'
import { auditColumns } from '../../columns.ts'
import { command } from '../../command.ts'
import { SinceTime } from '../../formats.ts'
import { newest, ofAudit } from '../../found.ts'
import { printEach } from '../../output.ts'

const { actor, subject, since } = admin.audit.query.shape

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
    const ask = (page: { limit: number; after?: string | undefined }) =>
      api(ctx).call(admin.audit, { ...query, ...page }, ctx)
    await printEach(ctx, newest({ ...ofAudit, ask }, limit), { output }, auditColumns)
  },
})
