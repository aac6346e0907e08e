import { runs } from '#shared/contracts/runs.ts'
import { api } from '../../api.ts'
import { positional } from '../../args.ts'
import { command } from '../../command.ts'
import { note } from '../../output.ts'

export default command({
  about: runs.retry.summary,
  args: { runId: positional(runs.retry.params.shape.runId) },
  async run({ runId }, ctx) {
    await api(ctx).call(runs.retry, { runId }, ctx)
    note(ctx, `${runId}: it is executed once more`)
  },
})
