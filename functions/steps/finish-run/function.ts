import { ArchiveError } from '#shared/archive/archive-error.ts'
import type { FailureCause } from '#shared/domain/run.ts'
import { unstartableCode } from '#shared/domain/run-exits.ts'
import type { Next } from '#shared/domain/run-states.ts'
import { volumeOf, workerOf } from '#shared/domain/worker-spec.ts'
import type { Measure } from '#shared/domain/worker.ts'
import { findMeasured, stampData, type Stamp } from '#shared/database/data.ts'
import {
  findFailure,
  nextAttemptOf,
  recordEnd,
  releaseRun,
  secondsInStatus,
  tryAgain,
  type Claimed,
  type Execution,
  type Failure,
} from '#shared/database/runs.ts'
import { plainMessage } from '#shared/files/plain-message.ts'
import type { Worker } from '#shared/ports/cluster.ts'
import { loadWork } from '#shared/database/work.ts'
import type { Context } from '#shared/runtime/context.ts'
import { defineStep } from '#shared/runtime/define-step.ts'
import { advance, askHooks, tellHooks } from '#shared/runtime/hooks.ts'
import { isHopeless, runToldOf, serveWhileHinted } from '#shared/runtime/serve-run.ts'
import { traceProgram } from '#shared/runtime/trace-program.ts'

/** Removes the worker of a run that is ending; when it is gone, the run has ended and its data are stamped. */
export default defineStep(
  'finish-run',
  async (event, ctx) => {
    const run = runToldOf(event.data)
    if (!run) return
    await serveWhileHinted(ctx, run.id, ['completing', 'aborting'], (held, own) =>
      finish(held, own),
    )
  },
  { minScale: 1, concurrency: 8, uses: ['measureVolume', 'findWorker', 'deleteWorker'] },
)

type Ending = Claimed<'completing'> | Claimed<'aborting'>

/** True when its worker was still there, and may be gone by now: that of the present attempt, whichever an event was about. */
async function finish(run: Ending, ctx: Context): Promise<boolean> {
  await ctx.cluster.deleteWorker(workerOf(run))
  const worker = await ctx.cluster.findWorker(workerOf(run))
  if (worker && !(await isLate(ctx, run)))
    return releaseRun(ctx.sql, run, ctx.config.lookInterval, 'its worker is being removed')
  if (worker && isCompleting(run) && mayStillWrite(worker)) {
    // First, since whoever finds no worker takes its program to have ended.
    if (await refuse(ctx, run, neverEnded, 'user')) await giveUpWorker(ctx, worker)
    return false
  }
  if (worker) await giveUpWorker(ctx, worker)
  const failure = isCompleting(run) ? undefined : await findFailure(ctx.sql, run)
  if (!isCompleting(run) && failure && (await startOver(ctx, run, failure))) return false
  const goneAt = ctx.clock.now()
  const { measures, unfit } = await measureOutputs(ctx, run)
  const ended = isCompleting(run)
    ? unfit === undefined
      ? await end(ctx, run, 'done', { measures, goneAt })
      : await refuse(ctx, run, unfit)
    : await end(ctx, run, 'failed', { measures, goneAt })
  const why = { exitCode: failure?.exitCode, reason: failure?.message ?? unfit }
  if (ended) ctx.log.info(`run ${ended.status}`, { run: run.id, attempt: run.attempt, ...why })
  return false
}

const isLate = async ({ sql, config }: Context, run: Ending): Promise<boolean> =>
  (await secondsInStatus(sql, run)) > config.workerGrace + config.deletionPatience

/** What it may still write goes to volumes that nobody reads: those of a run that failed, or of an attempt that is over. */
async function giveUpWorker(ctx: Context, { name, state: { phase } }: Worker): Promise<void> {
  ctx.log.warn('a worker does not go and is given up', { worker: name, phase })
  await ctx.cluster.deleteWorker(name, { force: true })
}

const mayStillWrite = ({ state: { phase } }: Worker): boolean =>
  phase === 'pending' || phase === 'running'

const neverEnded =
  'it was stopped, but nobody knows whether its program has ended: what it wrote may still change'

async function end<F extends 'completing' | 'aborting'>(
  ctx: Context,
  run: Claimed<F>,
  to: Next<F> & ('done' | 'failed'),
  stamp: Omit<Stamp, 'ready'>,
) {
  await askHooks(ctx, run, to)
  let unseen: Execution | undefined
  const ended = await advance(ctx, run, to, {
    async also(tx) {
      unseen = await stampData(tx, run.id, { ...stamp, ready: to === 'done' }, ctx.by)
    },
  })
  if (ended) traceProgram(ctx, run, unseen)
  return ended
}

const isCompleting = (run: Ending): run is Claimed<'completing'> => run.status === 'completing'

/** A run whose outputs cannot be kept has not succeeded, whatever its program, or the user, said. */
async function refuse(
  ctx: Context,
  run: Claimed<'completing'>,
  reason: string,
  cause: FailureCause = 'program',
) {
  const exit = { code: unstartableCode, message: reason }
  await askHooks(ctx, run, 'aborting')
  return advance(ctx, run, 'aborting', {
    reason,
    also: (tx, moved) => recordEnd(tx, moved, { exit, cause }),
  })
}

/**
 * A failure of the machine is tried again, with new data and volumes, as often as the configuration says; so is, however often,
 * what ended because its user stopped the local home.
 */
async function startOver(
  ctx: Context,
  run: Claimed<'aborting'>,
  { cause, tries, message }: Failure,
): Promise<boolean> {
  const mayBegin = cause === 'home' || (cause === 'machine' && tries < ctx.config.maxAttempts)
  if (!mayBegin) return false
  const reason = `attempt ${run.attempt} was lost: ${message}`
  const again = await beginAnew(ctx, run, reason)
  if (again) ctx.log.warn('run is tried again', { run: run.id, reason })
  return again !== undefined
}

async function beginAnew(ctx: Context, run: Claimed<'aborting'>, reason: string) {
  for (;;) {
    const to = await ctx.begin((tx) => nextAttemptOf(tx, run))
    await askHooks(ctx, run, to)
    const again = await ctx.begin(async (tx) => {
      // A plan may be turned on or off meanwhile, and then hooks have agreed to another move.
      if ((await nextAttemptOf(tx, run)) !== to) return 'elsewhere'
      const moved = await tryAgain(tx, run, reason, ctx.by)
      if (moved) await tellHooks(ctx, tx, moved)
      return moved
    })
    if (again !== 'elsewhere') return again
  }
}

type Outputs = { measures: Map<string, Measure>; unfit?: string }

/** What the outputs hold that is not known yet; `unfit` says what cannot be kept, of whatever has failed too often as well. */
async function measureOutputs(ctx: Context, run: Ending): Promise<Outputs> {
  const work = await loadWork(ctx.sql, run)
  const outputs: Outputs = { measures: new Map() }
  const known = await findMeasured(ctx.sql, run.id)
  for (const { path, knitId } of work?.outputs ?? []) {
    if (known.has(knitId)) continue
    try {
      const measure = await ctx.cluster.measureVolume(volumeOf(knitId))
      if (measure) outputs.measures.set(knitId, measure)
    } catch (error) {
      if (!(error instanceof ArchiveError) && !isHopeless(ctx, run, error)) throw error
      const why = error instanceof Error ? plainMessage(error) : String(error)
      outputs.unfit = `what it wrote to ${path ?? 'its log'} cannot be kept: ${why}`
    }
  }
  return outputs
}
