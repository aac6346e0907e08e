import { runs } from '#shared/contracts/runs.ts'
import { api } from '../../api.ts'
import { confirmed, yesArgs } from '../../ask.ts'
import { command } from '../../command.ts'
import { oneByOne } from '../../one-by-one.ts'
import { note } from '../../output.ts'
import { runIds } from '../../runs/ids.ts'

export default command({
  about: 'Delete finished runs with what they have written; their inputs are never combined again.',
  examples: ['knit run rm RUN_ID --yes'],
  args: { runId: runIds, ...yesArgs },
  async run({ runId: ids, ...args }, ctx) {
    const question =
      ids.length === 1
        ? `Delete the run ${ids[0]} with all it has written?`
        : `Delete ${ids.length} runs with all they have written?`
    if (!(await confirmed(question, args, ctx))) return
    const client = api(ctx)
    return oneByOne({ ids }, ctx, async (runId) => {
      await client.call(runs.delete, { runId }, ctx)
      note(ctx, `${runId}: deleted`)
    })
  },
})
