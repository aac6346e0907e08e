import { discardLostUpload, dropIdleAgents, findLostUploads } from '#shared/database/data.ts'
import type { Claimed } from '#shared/database/runs.ts'
import type { Context } from '#shared/runtime/context.ts'
import { defineClockStep } from '#shared/runtime/define-step.ts'
import { advance, askHooks } from '#shared/runtime/hooks.ts'
import { serveRun } from '#shared/runtime/serve-run.ts'

const uploadsAtOnce = 100

/** Ends uploads and imports whose lease has passed, and removes leases that nobody needs any more. */
export default defineClockStep('clean-agents', async (ctx) => {
  await dropIdleAgents(ctx.sql)
  for (const { runId, isImport } of await findLostUploads(ctx.sql, uploadsAtOnce)) {
    if (isImport) await serveRun(ctx, runId, ['running'], (run) => abortImport(ctx, run))
    else await takeBack(ctx, runId)
  }
  ctx.relay.wake()
})

/** Nothing of an upload was promised to anybody before it was whole. */
async function takeBack(ctx: Context, runId: string): Promise<void> {
  const reason = 'its handler gave no sign of life'
  if (await discardLostUpload(ctx.sql, runId, reason, ctx.by))
    ctx.log.warn(`an upload was given up: ${reason}`, { runId })
}

/** An import has been told of to its importer, who made its volume: it fails, and is there to be looked at. */
async function abortImport(ctx: Context, run: Claimed<'running'>): Promise<void> {
  const reason = 'the import was not ended in time'
  await askHooks(ctx, run, 'aborting')
  const aborted = await advance(ctx, run, 'aborting', {
    reason,
    also: (tx) => tx`
      delete from agent where knit_id in (select id from data where run_id = ${run.id})`,
  })
  if (aborted) ctx.log.warn('an import was given up: it was not ended in time', { runId: run.id })
}
