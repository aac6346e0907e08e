import { setTimeout as pause } from 'node:timers/promises'
import * as z from 'zod'
import type { KnitApi } from '#shared/client/connect.ts'
import { runs } from '#shared/contracts/runs.ts'
import { PlanId } from '#shared/domain/ids.ts'
import type { RunDetail } from '#shared/domain/run.ts'
import { isEnded } from '#shared/domain/run-states.ts'
import { api } from '../../api.ts'
import { flag, outputArgs, positional } from '../../args.ts'
import { runColumns } from '../../columns.ts'
import { command } from '../../command.ts'
import type { Context } from '../../context.ts'
import { Failure, UsageError } from '../../failure.ts'
import { note, Printer } from '../../output.ts'

const shortest = 200
const longest = 5000

export default command({
  about: 'Wait until runs have ended; fails when one of them did not succeed.',
  examples: ['knit run wait RUN_ID', 'knit run wait --planid PLAN_ID --output table'],
  args: {
    runId: positional(z.array(runs.show.params.shape.runId).default([]).describe('Ids of runs.')),
    planid: flag(
      z
        .array(PlanId)
        .default([])
        .describe('Wait until there is a run of this plan, and until all that it has have ended.'),
      { short: 'p', hint: 'PLAN_ID' },
    ),
    ...outputArgs,
  },
  async run(args, ctx) {
    const { runId: runIds, planid: planIds } = args
    if (runIds.length + planIds.length === 0) throw new UsageError('RUN_ID or --planid is missing')
    const client = api(ctx)
    const ends = [
      ...runIds.map(async (runId) => [await end(client, runId, ctx)]),
      ...planIds.map((planId) => endOfAll(client, planId, ctx)),
    ]
    const ended = (await Promise.all(ends)).flat()
    using printer = new Printer(ctx, args, runColumns)
    for (const run of ended) printer.add(run)
    const failed = ended.filter(({ status }) => status !== 'done')
    const [first] = failed
    if (first) throw new Failure(failed.map(standing).join('; '), whereToLook(first))
  },
})

/** The run once it has ended. */
async function end(client: KnitApi, runId: string, ctx: Context): Promise<RunDetail> {
  return polled(ctx, async (isNews) => {
    const run = await client.call(runs.show, { runId }, ctx)
    if (isEnded(run.status)) return run
    isNews(run.status, standing(run))
    return undefined
  })
}

/** The runs of a plan once there are some and all have ended. */
async function endOfAll(client: KnitApi, planId: string, ctx: Context): Promise<RunDetail[]> {
  return polled(ctx, async (isNews) => {
    const found = await client.call(runs.find, { plan: planId }, ctx)
    const ended = found.filter(({ status }) => isEnded(status))
    if (found.length > 0 && ended.length === found.length) return found
    const told = `plan ${planId}: ${ended.length} of ${found.length} runs have ended`
    isNews(told, told)
    return undefined
  })
}

/**
 * Looks again and again until there is something: often at first, then less and less, and often again when something has moved. What
 * is told is told when it is news.
 */
async function polled<T>(
  ctx: Context,
  look: (isNews: (moved: string, told: string) => void) => Promise<T | undefined>,
): Promise<T> {
  let seen = { moved: '', told: '' }
  for (let wait = shortest; ; wait = Math.min(wait * 1.5, longest)) {
    const found = await look((moved, told) => {
      if (told !== seen.told) note(ctx, told)
      if (moved !== seen.moved) wait = shortest
      seen = { moved, told }
    })
    if (found !== undefined) return found
    await pause(wait, undefined, ctx)
  }
}

/** The log tells of a program that began; of others, and where there is none, it is the run that does. */
function whereToLook({ runId, status, log, attempts, startedAt }: RunDetail): string {
  const began = attempts === undefined || startedAt !== undefined
  // Who deletes a run deletes its log.
  const isThere = status !== 'invalidated'
  return log && began && isThere
    ? `knit run show --log ${runId}`
    : `knit run show ${runId} --output table`
}

/** Where a run is, and why as far as the server says. */
function standing({ runId, status, reason, exit }: RunDetail): string {
  const ended = exit && `exit code ${exit.code}${exit.message && `: ${exit.message}`}`
  return [`run ${runId}`, status, reason ?? ended].filter(Boolean).join(': ')
}
