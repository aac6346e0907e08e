import { runs } from '#shared/contracts/runs.ts'
import { api } from '../../api.ts'
import { toggle } from '../../arg.ts'
import { positional } from '../../args.ts'
import { command } from '../../command.ts'
import { note } from '../../output.ts'

export default command({
  about: 'Stop a run: it is done with what it has written so far, or fails.',
  examples: ['knit run stop RUN_ID --fail'],
  args: {
    runId: positional(runs.abort.params.shape.runId),
    fail: toggle('Let it fail.', { short: 'x' }),
  },
  async run({ runId, fail }, ctx) {
    const route = fail ? runs.abort : runs.tearoff
    const { status } = await api(ctx).call(route, { runId }, ctx)
    note(ctx, `${runId}: ${status}`)
  },
})
