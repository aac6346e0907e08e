import {
  claimDeliveries,
  findHooks,
  postponeDelivery,
  settleDelivery,
  type Delivery,
} from '#shared/database/hooks.ts'
import type { Sql } from '#shared/database/sql.ts'
import type { Context } from '#shared/runtime/context.ts'
import { defineStep } from '#shared/runtime/define-step.ts'
import { tellHook } from '#shared/runtime/hooks.ts'
import { jsonText } from '#shared/runtime/respond.ts'

// To each hook.
const callsAtOnce = 16

/** Who calls hooks in this process: by the URL of each, what tells that there may be more for it. */
type Callers = Map<string, () => void>
const callers = new WeakMap<Sql, Callers>()

/**
 * Calls after-hooks, each by itself, until nothing is due for it. One that fails is called again later, and neither it nor one that is
 * silent holds another back.
 */
export default defineStep(
  'call-hooks',
  async (_event, ctx) => {
    const here = callers.get(ctx.sql) ?? new Map<string, () => void>()
    callers.set(ctx.sql, here)
    const hooks = await findHooks(ctx.sql)
    const served = await Promise.allSettled(hooks.map((url) => tellOrServe(ctx, url, here)))
    // Only now: who has been answered takes all to be over.
    for (const one of served) if (one.status === 'rejected') throw one.reason
  },
  // One event at most stays with each hook; the others are there to hear of more.
  { maxScale: 1, concurrency: 16 },
)

async function tellOrServe(ctx: Context, url: string, here: Callers): Promise<void> {
  const tell = here.get(url)
  if (tell) return tell()
  return serve(ctx, url, here)
}

async function serve(ctx: Context, url: string, here: Callers): Promise<void> {
  const { maxHookFailures, hookTimeout, claimLease } = ctx.config
  const lease = hookTimeout + claimLease
  const calls = new Set<Promise<void>>()
  try {
    for (;;) {
      let isMore = false
      const more = new Promise<void>((resolve) =>
        here.set(url, () => {
          isMore = true
          resolve()
        }),
      )
      const room = callsAtOnce - calls.size
      const due = room > 0 ? await claimDeliveries(ctx.sql, url, room, maxHookFailures, lease) : []
      for (const delivery of due) {
        const call = deliver(ctx, delivery).finally(() => calls.delete(call))
        calls.add(call)
      }
      if (calls.size === 0 && !isMore) return
      await Promise.race([more, ...calls])
    }
  } finally {
    // Before anybody else can look: who tells one that has ended is not heard.
    here.delete(url)
    await Promise.allSettled(calls)
  }
}

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
