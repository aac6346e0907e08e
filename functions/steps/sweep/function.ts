import { randomUUID } from 'node:crypto'
import { admit } from '#shared/domain/admission.ts'
import { runOfWorker } from '#shared/domain/worker-spec.ts'
import { demandNow } from '#shared/database/admission.ts'
import { findDue, type Due } from '#shared/database/due.ts'
import { findStaleWorkers } from '#shared/database/runs.ts'
import type { KnitEvent } from '#shared/ports/event-bus.ts'
import type { Context } from '#shared/runtime/context.ts'
import { defineClockStep } from '#shared/runtime/define-step.ts'
import { eachInTurn } from '#shared/runtime/each-in-turn.ts'
import { nowAndThen } from '#shared/runtime/now-and-then.ts'

const dueAtOnce = 500
const minute = 60_000

/**
 * Finds what a crash or a lost event left behind: events in the outbox are published, work that is due and unserved is told
 * of again, and workers nobody needs are removed. Whatever happens to events, this keeps work going.
 */
export default defineClockStep(
  'sweep',
  [publishLeft, tellDue, nowAndThen(minute, removeStaleWorkers)],
  {
    minScale: 1,
    concurrency: 1,
    tellsOfSystem: true,
    uses: ['listWorkers', 'deleteWorker'],
  },
)

async function publishLeft({ relay, metrics }: Context): Promise<void> {
  metrics.count('knit_sweep_found_total', { what: 'outbox' }, await relay.drain())
}

// A function that has no Pod yet may take longer than from one sweep to the next to serve what it was told.
const chances = 2

/** How often the broker was given what is still due, by installation. */
const toldBefore = new WeakMap<Context['config'], ReadonlyMap<string, number>>()

/** What was served meanwhile and is due again, as a worker that is waited for is all the time, was delivered. */
const keyOf = ({ name, subject, servedAt }: Due): string => `${name} ${subject} ${servedAt}`

/** A broker that does not work is passed by; so is one that has taken everything and delivers nothing: what it was given then is still due. */
async function tellDue(ctx: Context): Promise<void> {
  const due = await findServable(ctx)
  const before = toldBefore.get(ctx.config)
  const timesTold = (one: Due) => before?.get(keyOf(one)) ?? 0
  toldBefore.set(ctx.config, new Map(due.map((one) => [keyOf(one), timesTold(one) + 1])))
  for (const { name } of due) ctx.metrics.count('knit_sweep_found_total', { what: name })
  if (due.length === 0) return
  ctx.log.debug('work was due that no event had woken', { count: due.length })
  const { direct } = ctx
  if (!direct) return ctx.bus.publish(eventsOf(ctx, due))
  const isLost = (one: Due) => timesTold(one) >= chances
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

/** Runs that wait while there is no room for any are nobody's work; and as long as others become the first to wait, they are served. */
async function findServable({ sql, cluster, config }: Context): Promise<Due[]> {
  const due = await findDue(sql, dueAtOnce, config.maxHookFailures)
  if (!due.some(areWaiting)) return due
  const demand = await demandNow(sql, 1)
  const { admitted, impossible } = admit(demand, await cluster.capacity(), 1, config.liveRuns)
  const isRoom = admitted.length + impossible.length > 0
  const servedAt = demand.flatMap(({ waiting }) => waiting).join(' ')
  return due.flatMap((one) => (areWaiting(one) ? (isRoom ? { ...one, servedAt } : []) : one))
}

const areWaiting = ({ name }: Due): boolean => name === 'run.waiting'

function eventsOf({ by: { traceparent }, clock }: Context, due: readonly Due[]): KnitEvent[] {
  const time = clock.now()
  return due.map(({ servedAt: _same, ...one }) => ({ ...one, id: randomUUID(), time, traceparent }))
}

async function removeStaleWorkers(ctx: Context): Promise<void> {
  const workers = (await ctx.cluster.listWorkers()).flatMap(({ name }) => {
    const run = runOfWorker(name)
    return run ? [{ name, ...run }] : []
  })
  if (workers.length === 0) return
  await eachInTurn(await findStaleWorkers(ctx.sql, workers), async ({ name }) => {
    ctx.log.warn('a worker was removed: its run does not need it', { worker: name })
    ctx.metrics.count('knit_sweep_found_total', { what: 'stale-worker' })
    await ctx.cluster.deleteWorker(name)
  })
}
