import { randomUUID } from 'node:crypto'
import { runOfWorker } from '#shared/domain/worker-spec.ts'
import { findDue } from '#shared/database/due.ts'
import { forgetOld } from '#shared/database/retention.ts'
import { findStaleWorkers } from '#shared/database/runs.ts'
import type { Context } from '#shared/runtime/context.ts'
import { defineClockStep } from '#shared/runtime/define-step.ts'

const dueAtOnce = 500

/**
 * Finds what a crash or a lost event left behind: events in the outbox are published, work that is due and unserved is told
 * of again, workers nobody needs are removed, and what was kept long enough is forgotten. Whatever happens to events, this keeps work going.
 */
export default defineClockStep(
  'sweep',
  async (ctx) => {
    const errors: unknown[] = []
    // What fails keeps nothing else from being done.
    for (const part of [
      ctx.relay.drain,
      () => tellDue(ctx),
      () => removeStaleWorkers(ctx),
      () => forgetOld(ctx.sql, ctx.config),
    ])
      await part().catch((error: unknown) => errors.push(error))
    if (errors.length > 0) throw errors[0]
  },
  { minScale: 1, concurrency: 1 },
)

async function tellDue(ctx: Context): Promise<void> {
  const due = await findDue(ctx.sql, dueAtOnce, ctx.config.maxHookFailures)
  if (due.length === 0) return
  ctx.log.debug('work was due that no event had woken', { count: due.length })
  const { traceparent } = ctx.by
  const time = ctx.clock.now()
  const events = due.map((event) => ({ ...event, id: randomUUID(), time, traceparent }))
  try {
    await ctx.bus.publish(events)
  } catch (error) {
    if (!ctx.direct) throw error
    ctx.log.warn('the broker does not work: steps are called directly', { error })
    await ctx.direct.publish(events)
  }
}

async function removeStaleWorkers(ctx: Context): Promise<void> {
  const workers = (await ctx.cluster.listWorkers()).flatMap(({ name }) => {
    const run = runOfWorker(name)
    return run ? [{ name, ...run }] : []
  })
  if (workers.length === 0) return
  for (const { name } of await findStaleWorkers(ctx.sql, workers)) {
    ctx.log.warn('a worker was removed: its run does not need it', { worker: name })
    await ctx.cluster.deleteWorker(name)
  }
}
