import { runs } from '#shared/contracts/runs.ts'
import { api } from '../../api.ts'
import { positional } from '../../args.ts'
import { confirmed, yesArgs } from '../../ask.ts'
import { command } from '../../command.ts'
import { note } from '../../output.ts'

export default command({
  about: runs.delete.summary,
  examples: ['knit run rm RUN_ID --yes'],
  args: {
    runId: positional(runs.delete.params.shape.runId),
    ...yesArgs,
  },
  async run({ runId, ...args }, ctx) {
    if (!(await confirmed(`Delete the run ${runId} with all it has written?`, args, ctx))) return
    await api(ctx).call(runs.delete, { runId }, ctx)
    note(ctx, `${runId}: deleted`)
  },
})
