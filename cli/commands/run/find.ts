import * as z from 'zod'
import { commaList } from '#shared/contracts/route.ts'
import { runs } from '#shared/contracts/runs.ts'
import { KnitId, PlanId } from '#shared/domain/ids.ts'
import type { RunDetail } from '#shared/domain/run.ts'
import { api } from '../../api.ts'
import { flag, outputArgs } from '../../args.ts'
import { runColumns } from '../../columns.ts'
import { command } from '../../command.ts'
import { windowArgs, windowOf } from '../../formats.ts'
import { limitArgs, ofRuns, printFound, type Ask } from '../../found.ts'

const { plan, knitIdInput, knitIdOutput, status } = runs.find.query.shape

// In a query these are one text with commas; here each is a flag that can be repeated.
const repeated = (list: z.ZodOptional<z.ZodType>, item: z.ZodType<string[], string>) =>
  z
    .array(item)
    .default([])
    .transform((items) => items.flat().join(',') || undefined)
    .describe(list.description ?? '')

export default command({
  about: runs.find.summary,
  examples: [
    'knit run find --status failed --since 1d --output table',
    'knit run find --limit 20 --output table',
    'knit run find --planid PLAN_ID --output name',
  ],
  args: {
    planid: flag(repeated(plan, commaList(PlanId)), { short: 'p', hint: 'PLAN_ID' }),
    'in-knitid': flag(repeated(knitIdInput, commaList(KnitId)), { short: 'i', hint: 'KNIT_ID' }),
    'out-knitid': flag(repeated(knitIdOutput, commaList(KnitId)), { short: 'o', hint: 'KNIT_ID' }),
    status: flag(repeated(status, status.unwrap()), { short: 's', hint: 'STATUS' }),
    ...windowArgs,
    ...limitArgs,
    ...outputArgs,
  },
  async run(args, ctx) {
    const query = {
      plan: args.planid,
      knitIdInput: args['in-knitid'],
      knitIdOutput: args['out-knitid'],
      status: args.status,
      ...windowOf(args),
    }
    const ask: Ask<RunDetail> = (page, told) =>
      api(ctx).call(runs.find, { ...query, ...page }, { ...told, signal: ctx.signal })
    const all = () => api(ctx).list(runs.find, query, ctx)
    await printFound(ctx, { ...ofRuns, ask, all }, args, runColumns)
  },
})
