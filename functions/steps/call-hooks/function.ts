import {
  claimDeliveries,
  postponeDelivery,
  settleDelivery,
  type Delivery,
} from '#shared/database/hooks.ts'
import type { Context } from '#shared/runtime/context.ts'
import { defineStep } from '#shared/runtime/define-step.ts'
import { tellHook } from '#shared/runtime/hooks.ts'
import { jsonText } from '#shared/runtime/respond.ts'

const callsAtOnce = 16

/** Calls after-hooks, until nothing is due. One that fails is called again later and holds no other back. */
export default defineStep(
  'call-hooks',
  async (_event, ctx) => {
    const { maxHookFailures, hookTimeout, claimLease } = ctx.config
    for (;;) {
      const lease = hookTimeout + claimLease
      const due = await claimDeliveries(ctx.sql, callsAtOnce, maxHookFailures, lease)
      if (due.length === 0) return
      await Promise.all(due.map((delivery) => deliver(ctx, delivery)))
    }
  },
  { concurrency: 1 },
)

async function deliver(ctx: Context, delivery: Delivery): Promise<void> {
  const { id, url, runId, status, isTakenOver } = delivery
  if (isTakenOver) ctx.metrics.count('knit_claims_expired_total', { step: ctx.by.actor })
  try {
    // The same id whenever it is called again, so that a receiver can tell.
    const headers = { 'knit-delivery': id }
    await tellHook(ctx, 'after', status, { url, body: jsonText(delivery.body, false), headers })
  } catch (error) {
    ctx.log.warn('a hook did not take a call', { hook: url, runId, status, error })
    return postponeDelivery(ctx.sql, delivery, (error as Error).message)
  }
  await settleDelivery(ctx.sql, delivery)
}
