import { setTimeout as pause } from 'node:timers/promises'
import * as z from 'zod'
import type { KnitApi } from '#shared/client/connect.ts'
import { runs } from '#shared/contracts/runs.ts'
import type { RunDetail } from '#shared/domain/run.ts'
import { isEnded } from '#shared/domain/run-states.ts'
import { api } from '../../api.ts'
import { outputArgs, positional } from '../../args.ts'
import { runColumns } from '../../columns.ts'
import { command } from '../../command.ts'
import type { Context } from '../../context.ts'
import { Failure } from '../../failure.ts'
import { note, Printer } from '../../output.ts'

const shortest = 200
const longest = 5000

export default command({
  about: 'Wait until runs have ended; fails when one of them did not succeed.',
  examples: ['knit run wait RUN_ID'],
  args: {
    runId: positional(z.array(runs.show.params.shape.runId).min(1).describe('Ids of runs.')),
    ...outputArgs,
  },
  async run(args, ctx) {
    const client = api(ctx)
    const ended = await Promise.all(args.runId.map((runId) => end(client, runId, ctx)))
    using printer = new Printer(ctx, args, runColumns)
    for (const run of ended) printer.add(run)
    const failed = ended.filter(({ status }) => status !== 'done')
    const [first] = failed
    if (first) throw new Failure(failed.map(standing).join('; '), whereToLook(first))
  },
})

/** The run once it has ended. Asks often at first, then less and less. */
async function end(client: KnitApi, runId: string, ctx: Context): Promise<RunDetail> {
  let seen: RunDetail | undefined
  for (let wait = shortest; ; wait = Math.min(wait * 1.5, longest)) {
    const run = await client.call(runs.show, { runId }, ctx)
    if (isEnded(run.status)) return run
    const moved = run.status !== seen?.status
    if (moved || run.reason !== seen?.reason) note(ctx, standing(run))
    if (moved) wait = shortest
    seen = run
    await pause(wait, undefined, ctx)
  }
}

/** The log tells of a program that began; of others, and where there is none, it is the run that does. */
function whereToLook({ runId, log, attempts, startedAt }: RunDetail): string {
  const began = attempts === undefined || startedAt !== undefined
  return log && began ? `knit run show --log ${runId}` : `knit run show ${runId} --output table`
}

/** Where a run is, and why as far as the server says. */
function standing({ runId, status, reason, exit }: RunDetail): string {
  const ended = exit && `exit code ${exit.code}${exit.message && `: ${exit.message}`}`
  return [`run ${runId}`, status, reason ?? ended].filter(Boolean).join(': ')
}
