import { dropIdleAgents } from '#shared/database/downloads.ts'
import { discardLostUpload, findLostUploads } from '#shared/database/uploads.ts'
import { forgetServed } from '#shared/database/dead-letters.ts'
import { dropRemade } from '#shared/database/garbage.ts'
import { forgetHistory, forgetOld } from '#shared/database/retention.ts'
import type { Claimed } from '#shared/database/runs.ts'
import type { Context } from '#shared/runtime/context.ts'
import { defineClockStep } from '#shared/runtime/define-step.ts'
import { eachInTurn } from '#shared/runtime/each-in-turn.ts'
import { advance, askHooks } from '#shared/runtime/hooks.ts'
import { nowAndThen } from '#shared/runtime/now-and-then.ts'
import { serveRun } from '#shared/runtime/serve-run.ts'

const uploadsAtOnce = 100
const forgottenAtOnce = 1000
const minute = 60_000

/**
 * Removes what nobody needs any more: leases, uploads and imports whose lease has passed, volumes that were made again, dead events
 * whose work was done, and what was kept long enough. Nobody waits for that.
 */
export default defineClockStep(
  'clean-up',
  [
    removeLeases,
    endLost,
    tidyTransfers,
    nowAndThen(10 * minute, removeRemade),
    forgetDead,
    forgetAllOld,
  ],
  { uses: ['listVolumes', 'tidyTransfers'] },
)

async function removeLeases({ sql }: Context): Promise<void> {
  await dropIdleAgents(sql)
}

async function endLost(ctx: Context): Promise<void> {
  await eachInTurn(await findLostUploads(ctx.sql, uploadsAtOnce), async ({ runId, isImport }) =>
    isImport ? serveRun(ctx, runId, ['running'], abortImport) : takeBack(ctx, runId),
  )
}

async function tidyTransfers({ transfers }: Context): Promise<void> {
  await transfers.tidyTransfers()
}

/** Whoever is late may make a volume again that has been deleted. */
async function removeRemade(ctx: Context): Promise<void> {
  let count = 0
  for await (const volumes of await ctx.cluster.listVolumes())
    count += await dropRemade(ctx.sql, volumes, ctx.by)
  if (count === 0) return
  ctx.relay.wake()
  ctx.log.warn('volumes are removed: they had been, and were made again', { count })
}

/** Nothing of an upload was promised to anybody before it was whole. */
async function takeBack(ctx: Context, runId: string): Promise<void> {
  const reason = 'its handler gave no sign of life'
  if (!(await discardLostUpload(ctx.sql, runId, reason, ctx.by))) return
  ctx.relay.wake()
  ctx.metrics.count('knit_claims_expired_total', { step: ctx.by.actor })
  ctx.log.warn(`an upload was given up: ${reason}`, { runId })
}

/** An import has been told of to its importer, who made its volume: it fails, and is there to be looked at. */
async function abortImport(run: Claimed<'running'>, ctx: Context): Promise<void> {
  const reason = 'the import was not ended in time'
  await askHooks(ctx, run, 'aborting')
  const aborted = await advance(ctx, run, 'aborting', {
    reason,
    also: (tx) => tx`
      delete from agent where knit_id in (select id from data where run_id = ${run.id})`,
  })
  if (aborted) ctx.log.warn('an import was given up: it was not ended in time', { runId: run.id })
}

async function forgetDead({ sql, config }: Context): Promise<void> {
  await forgetServed(sql, config.maxHookFailures, forgottenAtOnce)
}

/** In parts, so that no statement takes long; all of them, or a busy system would write faster than it forgets. */
async function forgetAllOld({ sql, config }: Context): Promise<void> {
  while ((await forgetOld(sql, config, forgottenAtOnce)) >= forgottenAtOnce) continue
  await forgetHistory(sql, config.keepHistory, forgottenAtOnce)
}
