import { randomUUID } from 'node:crypto'
import { runOfWorker } from '#shared/domain/worker-spec.ts'
import { forgetServed } from '#shared/database/dead-letters.ts'
import { findDue, type Due } from '#shared/database/due.ts'
import { forgetHistory, forgetOld } from '#shared/database/retention.ts'
import { findStaleWorkers } from '#shared/database/runs.ts'
import type { KnitEvent } from '#shared/ports/event-bus.ts'
import type { Context } from '#shared/runtime/context.ts'
import { defineClockStep } from '#shared/runtime/define-step.ts'

const dueAtOnce = 500
const forgottenAtOnce = 1000

/**
 * Finds what a crash or a lost event left behind: events in the outbox are published, work that is due and unserved is told
 * of again, workers nobody needs are removed, and what was done since it was given up, or was kept long enough, is forgotten. Whatever happens to events, this keeps work going.
 */
export default defineClockStep(
  'sweep',
  async (ctx) => {
    const errors: unknown[] = []
    // What fails keeps nothing else from being done.
    for (const part of [
      () => publishLeft(ctx),
      () => tellDue(ctx),
      () => removeStaleWorkers(ctx),
      () => forgetServed(ctx.sql, ctx.config.maxHookFailures, forgottenAtOnce),
      () => forgetAllOld(ctx),
    ])
      await part().catch((error: unknown) => errors.push(error))
    if (errors.length > 0) throw errors[0]
  },
  { minScale: 1, concurrency: 1, tellsOfSystem: true, uses: ['listWorkers', 'deleteWorker'] },
)

async function publishLeft({ relay, metrics }: Context): Promise<void> {
  metrics.count('knit_sweep_found_total', { what: 'outbox' }, await relay.drain())
}

/** What the broker was given at the last look, by installation. */
const toldBefore = new WeakMap<Context['config'], ReadonlySet<string>>()

const keyOf = ({ name, subject }: Due): string => `${name} ${subject}`

/** A broker that does not work is passed by; so is one that has taken everything and delivers nothing: what it was given then is still due. */
async function tellDue(ctx: Context): Promise<void> {
  const due = await findDue(ctx.sql, dueAtOnce, ctx.config.maxHookFailures)
  const before = toldBefore.get(ctx.config)
  toldBefore.set(ctx.config, new Set(due.map(keyOf)))
  for (const { name } of due) ctx.metrics.count('knit_sweep_found_total', { what: name })
  if (due.length === 0) return
  ctx.log.debug('work was due that no event had woken', { count: due.length })
  const { direct } = ctx
  if (!direct) return ctx.bus.publish(eventsOf(ctx, due))
  const isLost = (one: Due) => before?.has(keyOf(one)) === true
  const fresh = eventsOf(
    ctx,
    due.filter((one) => !isLost(one)),
  )
  const lost = eventsOf(ctx, due.filter(isLost))
  try {
    if (fresh.length > 0) await ctx.bus.publish(fresh)
  } catch (error) {
    ctx.log.warn('the broker does not work: steps are called directly', { error })
    lost.push(...fresh)
  }
  for (const { name } of lost) ctx.metrics.count('knit_events_direct_total', { event: name })
  if (lost.length > 0) await direct.publish(lost)
}

function eventsOf({ by: { traceparent }, clock }: Context, due: readonly Due[]): KnitEvent[] {
  const time = clock.now()
  return due.map((one) => ({ ...one, id: randomUUID(), time, traceparent }))
}

async function removeStaleWorkers(ctx: Context): Promise<void> {
  const workers = (await ctx.cluster.listWorkers()).flatMap(({ name }) => {
    const run = runOfWorker(name)
    return run ? [{ name, ...run }] : []
  })
  if (workers.length === 0) return
  for (const { name } of await findStaleWorkers(ctx.sql, workers)) {
    ctx.log.warn('a worker was removed: its run does not need it', { worker: name })
    ctx.metrics.count('knit_sweep_found_total', { what: 'stale-worker' })
    await ctx.cluster.deleteWorker(name)
  }
}

/** In parts, so that no statement takes long; all of them, or a busy system would write faster than it forgets. */
async function forgetAllOld({ sql, config }: Context): Promise<void> {
  while ((await forgetOld(sql, config, forgottenAtOnce)) >= forgottenAtOnce) continue
  await forgetHistory(sql, config.keepHistory, forgottenAtOnce)
}
