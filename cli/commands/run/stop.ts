import { runs } from '#shared/contracts/runs.ts'
import { api } from '../../api.ts'
import { toggle } from '../../arg.ts'
import { command } from '../../command.ts'
import { oneByOne } from '../../one-by-one.ts'
import { note } from '../../output.ts'
import { runIds } from '../../runs/ids.ts'

export default command({
  about: 'Stop runs: each is done with what it has written so far, or fails.',
  examples: ['knit run stop RUN_ID --fail'],
  args: { runId: runIds, fail: toggle('Let them fail.', { short: 'x' }) },
  run({ runId: ids, fail }, ctx) {
    const route = fail ? runs.abort : runs.tearoff
    const client = api(ctx)
    return oneByOne({ ids, flags: fail ? ['--fail'] : [] }, ctx, async (runId) => {
      const { status } = await client.call(route, { runId }, ctx)
      note(ctx, `${runId}: ${status}`)
    })
  },
})
