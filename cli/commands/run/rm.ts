import { runs } from '#shared/contracts/runs.ts'
import { api } from '../../api.ts'
import { positional, toggle } from '../../args.ts'
import { agreed } from '../../ask.ts'
import { command } from '../../command.ts'
import { note } from '../../output.ts'

export default command({
  about: runs.delete.summary,
  args: {
    runId: positional(runs.delete.params.shape.runId),
    yes: toggle('Do not ask. Without a terminal nobody is asked anyway.'),
  },
  async run({ runId, yes }, ctx) {
    const ask = ctx.stdin.isTTY && !yes
    if (ask && !(await agreed(`Delete the run ${runId} with all it has written?`, ctx)))
      return note(ctx, 'nothing was deleted')
    await api(ctx).call(runs.delete, { runId }, ctx)
    note(ctx, `${runId}: deleted`)
  },
})
