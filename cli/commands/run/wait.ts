import { setTimeout as pause } from 'node:timers/promises'
import { z } from 'zod'
import type { KnitApi } from '#shared/client/connect.ts'
import { runs } from '#shared/contracts/runs.ts'
import type { RunDetail } from '#shared/domain/run.ts'
import { endedStatuses, type RunStatus } from '#shared/domain/run-states.ts'
import { api } from '../../api.ts'
import { outputArgs, positional } from '../../args.ts'
import { runColumns } from '../../columns.ts'
import { command } from '../../command.ts'
import type { Context } from '../../context.ts'
import { Failure } from '../../failure.ts'
import { note, print } from '../../output.ts'

const shortest = 200
const longest = 5000

export default command({
  about: 'Wait until runs have ended; fails when one of them did not succeed.',
  args: {
    runId: positional(z.array(runs.show.params.shape.runId).min(1).describe('Ids of runs.')),
    ...outputArgs,
  },
  async run(args, ctx) {
    const client = api(ctx)
    const ended = await Promise.all(args.runId.map((runId) => end(client, runId, ctx)))
    if (args.output === 'table') print(ctx, ended, args, runColumns)
    else for (const run of ended) print(ctx, run, args, runColumns)
    const failed = ended.filter(({ status }) => status !== 'done')
    if (failed.length > 0)
      throw new Failure(failed.map(reason).join('; '), `knit run show --log ${failed[0]?.runId}`)
  },
})

/** The run once it has ended. Asks often at first, then less and less. */
async function end(client: KnitApi, runId: string, ctx: Context): Promise<RunDetail> {
  let seen: RunStatus | undefined
  for (let wait = shortest; ; wait = Math.min(wait * 1.5, longest)) {
    const run = await client.call(runs.show, { runId }, ctx)
    if (isEnded(run.status)) return run
    if (run.status !== seen) {
      note(ctx, `${runId}: ${run.status}`)
      seen = run.status
      wait = shortest
    }
    await pause(wait, undefined, ctx)
  }
}

const isEnded = (status: RunStatus): boolean =>
  (endedStatuses as readonly RunStatus[]).includes(status)

const reason = ({ runId, status, exit }: RunDetail): string =>
  `run ${runId}: ${status}${exit ? ` (exit code ${exit.code}${exit.message && `: ${exit.message}`})` : ''}`
