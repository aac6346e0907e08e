import type * as z from 'zod'
import { explain } from '#shared/contracts/explain.ts'
import type { Explanation } from '#shared/domain/explain.ts'
import { api } from '../api.ts'
import { flag, outputArgs, positional } from '../args.ts'
import { command } from '../command.ts'
import { UsageError } from '../failure.ts'
import { note, print, type Column } from '../output.ts'

const { plan, data, run } = explain.show.query.shape

type Row = { knitId: string } & Explanation['data'][number]['inputs'][number]

const columns: Column<Row>[] = [
  ['KNIT ID', ({ knitId }) => knitId],
  ['INPUT', ({ path }) => path],
  ['FITS', ({ fits }) => (fits ? 'yes' : 'no')],
  ['MISSING', ({ missing }) => missing.join(', ')],
  ['RUNS', ({ runs }) => runs.map(({ runId, status }) => `${runId} (${status})`).join(', ')],
  ['WHY', ({ reasons }) => reasons.join('; ')],
]

export default command({
  examples: [
    'knit explain PLAN_ID --data KNIT_ID --output table',
    'knit explain PLAN_ID --run RUN_ID',
  ],
  args: {
    planId: positional(plan),
    data: flag(data, { hint: 'KNIT_ID' }),
    run: flag(run, { hint: 'RUN_ID' }),
    ...outputArgs,
  },
  async run(args, ctx) {
    const { planId, data, run } = args
    if ((data === undefined) === (run === undefined))
      throw new UsageError('say what is to be explained: either --data or --run')
    const told = await api(ctx).call(explain.show, { plan: planId, data, run }, ctx)
    for (const reason of told.reasons) note(ctx, reason)
    if (args.output === 'json' || args.output === 'yaml') return print(ctx, told, args, [])
    print(ctx, rowsOf(told), args, columns)
  },
})

const rowsOf = ({ data }: z.output<typeof explain.show.response>): Row[] =>
  data.flatMap(({ knitId, inputs }) => inputs.map((input) => ({ knitId, ...input })))
