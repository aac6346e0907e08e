import { discardLostUpload, dropIdleAgents, findLostUploads } from '#shared/database/data.ts'
import { dropRemade } from '#shared/database/garbage.ts'
import type { Claimed } from '#shared/database/runs.ts'
import type { Context } from '#shared/runtime/context.ts'
import { defineClockStep } from '#shared/runtime/define-step.ts'
import { advance, askHooks } from '#shared/runtime/hooks.ts'
import { serveRun } from '#shared/runtime/serve-run.ts'

const uploadsAtOnce = 100
const betweenLooks = 10 * 60_000

/** Ends uploads and imports whose lease has passed, and removes leases and volumes that nobody needs any more. */
export default defineClockStep(
  'clean-agents',
  async (ctx) => {
    await dropIdleAgents(ctx.sql)
    for (const { runId, isImport } of await findLostUploads(ctx.sql, uploadsAtOnce)) {
      if (isImport) await serveRun(ctx, runId, ['running'], abortImport)
      else await takeBack(ctx, runId)
    }
    await ctx.transfers.tidyTransfers()
    await removeRemade(ctx)
  },
  { uses: ['listVolumes', 'tidyTransfers'] },
)

const lookedAt = new WeakMap<Context['config'], number>()

/** Whoever is late may make a volume again that has been deleted. There may be very many volumes: they are looked through now and then. */
async function removeRemade(ctx: Context): Promise<void> {
  const now = ctx.clock.now().getTime()
  if (Math.abs(now - (lookedAt.get(ctx.config) ?? 0)) < betweenLooks) return
  let count = 0
  for await (const volumes of await ctx.cluster.listVolumes())
    count += await dropRemade(ctx.sql, volumes, ctx.by)
  lookedAt.set(ctx.config, now)
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
