import { runs } from '#shared/contracts/runs.ts'
import { api } from '../../api.ts'
import { positional } from '../../args.ts'
import { confirmed, yesArgs } from '../../ask.ts'
import { command } from '../../command.ts'
import { note } from '../../output.ts'

export default command({
  about: runs.retry.summary,
  examples: ['knit run retry RUN_ID'],
  args: { runId: positional(runs.retry.params.shape.runId), ...yesArgs },
  async run({ runId, ...args }, ctx) {
    const question = `Execute the run ${runId} once more, and delete what it has written?`
    if (!(await confirmed(question, args, ctx))) return
    await api(ctx).call(runs.retry, { runId }, ctx)
    note(ctx, `${runId}: it is executed once more`)
  },
})
