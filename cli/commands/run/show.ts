import { pipeline } from 'node:stream/promises'
import { runs } from '#shared/contracts/runs.ts'
import { api } from '../../api.ts'
import { outputArgs, positional, toggle } from '../../args.ts'
import { runColumns } from '../../columns.ts'
import { command } from '../../command.ts'
import { UsageError } from '../../failure.ts'
import { print } from '../../output.ts'

export default command({
  about: runs.show.summary,
  args: {
    runId: positional(runs.show.params.shape.runId),
    log: toggle('Print the log of the run instead.'),
    follow: toggle('With --log: go on until the program ends.', { short: 'f' }),
    ...outputArgs,
  },
  async run(args, ctx) {
    const { runId, log, follow } = args
    if (follow && !log) throw new UsageError('--follow needs --log')
    if (!log) return print(ctx, await api(ctx).call(runs.show, { runId }, ctx), args, runColumns)
    const { signal } = ctx
    await pipeline(await api(ctx).log(runId, { follow, signal }), ctx.stdout, { end: false })
  },
})
