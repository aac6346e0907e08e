import { discardLostUpload, dropIdleAgents, findLostUploads } from '#shared/database/data.ts'
import { defineClockStep } from '#shared/runtime/define-step.ts'

const uploadsAtOnce = 100

/** Takes back uploads whose handler has died, and removes leases that nobody needs any more. */
export default defineClockStep('clean-agents', async (ctx) => {
  await dropIdleAgents(ctx.sql)
  for (const runId of await findLostUploads(ctx.sql, uploadsAtOnce)) {
    if (await discardLostUpload(ctx.sql, runId, 'its handler gave no sign of life', ctx.by))
      ctx.log.warn('an upload was given up: its handler gave no sign of life', { runId })
  }
  ctx.relay.wake()
})
