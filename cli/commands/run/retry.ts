import { runs } from '#shared/contracts/runs.ts'
import { api } from '../../api.ts'
import { confirmed, yesArgs } from '../../ask.ts'
import { command } from '../../command.ts'
import { oneByOne } from '../../one-by-one.ts'
import { note } from '../../output.ts'
import { runIds } from '../../runs/ids.ts'

export default command({
  about: 'Execute finished runs once more; what they had written is deleted.',
  examples: ['knit run retry RUN_ID'],
  args: { runId: runIds, ...yesArgs },
  async run({ runId: ids, ...args }, ctx) {
    const question =
      ids.length === 1
        ? `Execute the run ${ids[0]} once more, and delete what it has written?`
        : `Execute ${ids.length} runs once more, and delete what they have written?`
    if (!(await confirmed(question, args, ctx))) return
    const client = api(ctx)
    return oneByOne({ ids }, ctx, async (runId) => {
      await client.call(runs.retry, { runId }, ctx)
      note(ctx, `${runId}: it is executed once more`)
    })
  },
})
