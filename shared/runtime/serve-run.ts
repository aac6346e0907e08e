import type { EventData } from '#shared/contracts/events.ts'
import type { FailureCause } from '#shared/domain/run.ts'
import { runOfWorker } from '#shared/domain/worker-spec.ts'
import type { RunStatus } from '#shared/domain/run-states.ts'
import { claimRun, postponeRun, renewClaim, type Claimed } from '#shared/database/runs.ts'
import { isHeld } from '#shared/database/sql.ts'
import { Away, Impossible, NoRoomNow, Unreachable } from '#shared/ports/cluster.ts'
import { HookFailed } from '#shared/adapters/hook-client.ts'
import { withSpan, type Context } from './context.ts'
import { isStorageFull } from './respond.ts'
import { traceId } from './trace.ts'

/** The run and attempt an event tells of, by their ids or by the worker's name; undefined when it is no worker of ours. */
export function runToldOf(
  data: EventData<'worker.changed'> | EventData<'run.ready'>,
): { id: string; attempt: number } | undefined {
  if ('worker' in data) return runOfWorker(data.worker)
  return { id: data.runId, attempt: data.attempt }
}

/**
 * Claims a run and lets `work` serve it; undefined when there is nothing to do: told twice, served by another, gone.
 */
export async function serveRun<F extends RunStatus, T>(
  ctx: Context,
  runId: string,
  statuses: readonly F[],
  work: Work<F, T>,
): Promise<T | undefined> {
  const run = await claimRun(ctx.sql, runId, statuses, ctx.by.actor, ctx.config.claimLease)
  if (!run) return undefined
  if (!isOfTrace(ctx, run)) return serveClaimed(ctx, run, work)
  ctx.span.note(aboutRun(run))
  return holding(ctx, run, work)
}

/** Serves a run as `serveRun` does, and again for as long as `work` answers that a step was woken for it meanwhile. */
export async function serveWhileHinted<F extends RunStatus>(
  ctx: Context,
  runId: string,
  statuses: readonly F[],
  work: Work<F, boolean>,
): Promise<void> {
  while (await serveRun(ctx, runId, statuses, work));
}

/** What is done with a run, in the trace of that run. */
type Work<F extends RunStatus, T> = (run: Claimed<F>, ctx: Context) => Promise<T>

/** What wakes a step may be of no trace, or of that of another run for which there was no room before. A run of no trace is served in none. */
const isOfTrace = ({ span }: Context, { traceparent }: Claimed): boolean =>
  traceparent ? traceId(traceparent) === traceId(span.traceparent) : !span.isRecorded

const aboutRun = (run: Claimed) => ({
  'knit.run.id': run.id,
  'knit.plan.id': run.planId,
  'knit.run.attempt': run.attempt,
})

/** Serves a run that is claimed, under a span of its own. */
export function serveClaimed<F extends RunStatus, T>(
  ctx: Context,
  run: Claimed<F>,
  work: Work<F, T>,
): Promise<T | undefined> {
  const { traceparent } = ctx.span
  const span = ctx.tracer.start(ctx.by.actor, {
    ...(isOfTrace(ctx, run)
      ? { parent: traceparent }
      : { parent: run.traceparent ?? undefined, links: [traceparent] }),
    attributes: { 'knit.step': ctx.by.actor, ...aboutRun(run) },
    quiet: true,
  })
  return holding(withSpan(ctx, span), run, work).finally(() => span.end())
}

/**
 * Serves a run that is claimed; the claim is renewed while that takes. A failure is not thrown: it is counted and shown on
 * the run, which is due again after a while that doubles.
 */
async function holding<F extends RunStatus, T>(
  ctx: Context,
  run: Claimed<F>,
  work: Work<F, T>,
): Promise<T | undefined> {
  const lease = ctx.config.claimLease
  if (run.isTakenOver) ctx.metrics.count('knit_claims_expired_total', { step: ctx.by.actor })
  const renewal = setInterval(
    () => void renewClaim(ctx.sql, run, lease).catch(() => {}),
    (lease * 1000) / 3,
  )
  try {
    return await work(run, ctx)
  } catch (error) {
    ctx.span.fail(error)
    ctx.log.warn('a run could not be served', { runId: run.id, status: run.status, error })
    await postpone(ctx, run, error)
    return undefined
  } finally {
    clearInterval(renewal)
  }
}

/** A hook that does not agree is not a failure of the step: whatever it may do after that, it may still fail as often as before. */
async function postpone(ctx: Context, run: Claimed, error: unknown): Promise<void> {
  const [cause, failures, counted] =
    error instanceof HookFailed
      ? (['hook', run.hookFailures, 'hook_failures'] as const)
      : (['step', run.failures, 'failures'] as const)
  ctx.metrics.count('knit_runs_postponed_total', { step: ctx.by.actor, cause })
  // However long that takes, what fails afterwards is tried again still. What has not failed would not be put off.
  const most = isPassing(error) ? Math.max(failures, ctx.config.maxStepFailures - 2, 1) : undefined
  await postponeRun(ctx.sql, run, { counted, most }, backoff(failures), reasonOf(ctx, error))
}

/** It goes on by itself when others are back, have ended, have made room, or have let us. */
const isPassing = (error: unknown): boolean =>
  [NoRoomNow, Away, Unreachable].some((Kind) => error instanceof Kind) ||
  isStorageFull(error) ||
  isHeld(error)

/** Seconds to wait after so many failures: 1, 2, 4, … up to a minute. */
export const backoff = (failures: number): number => Math.min(2 ** failures, 60)

/** True when trying again is no help: by what the failure was, or because the step has failed so often for this run. */
export const isHopeless = (ctx: Context, run: Claimed, error: unknown): boolean =>
  error instanceof Impossible ||
  (!isPassing(error) && run.failures + 1 >= ctx.config.maxStepFailures)

/** Whom it is laid to that nothing helped: what nobody foresaw is none of the plan's. */
export const blameOf = (error: unknown): FailureCause =>
  error instanceof Impossible ? 'plan' : 'machine'

function reasonOf(ctx: Context, error: unknown): string {
  const cause = error instanceof Error ? error.message : String(error)
  if (error instanceof HookFailed) return cause
  return `${ctx.by.actor} failed and will try again: ${cause}`.slice(0, 1024)
}
