import { ArchiveError } from '#shared/archive/archive-error.ts'
import { unstartableCode } from '#shared/domain/run.ts'
import { volumeOf, workerOf } from '#shared/domain/worker-spec.ts'
import type { Measure } from '#shared/domain/worker.ts'
import { stampData } from '#shared/database/data.ts'
import {
  findCause,
  moveRun,
  recordEnd,
  releaseRun,
  tryAgain,
  type Claimed,
} from '#shared/database/runs.ts'
import type { Tx } from '#shared/database/sql.ts'
import { loadWork } from '#shared/database/work.ts'
import type { Context } from '#shared/runtime/context.ts'
import { defineStep } from '#shared/runtime/define-step.ts'
import { runToldOf, serveRun } from '#shared/runtime/serve-run.ts'

/** Removes the worker of a run that is ending; when it is gone, the run has ended and its data are stamped. */
export default defineStep(
  'finish-run',
  async (event, ctx) => {
    const run = runToldOf(event.data)
    if (!run) return
    for (;;) {
      const ended = await serveRun(ctx, run.id, ['completing', 'aborting'], (held) =>
        finish(ctx, held),
      )
      // Its going may have happened while the run was claimed, which wakes nobody.
      if (ended !== false || (await ctx.cluster.findWorker(workerOf(run)))) return
    }
  },
  { minScale: 1, concurrency: 8 },
)

type Ending = Claimed<'completing'> | Claimed<'aborting'>

/** False while the worker is still there. */
async function finish(ctx: Context, run: Ending): Promise<boolean> {
  await ctx.cluster.deleteWorker(workerOf(run))
  if (await ctx.cluster.findWorker(workerOf(run))) {
    await releaseRun(ctx.sql, run, ctx.config.lookInterval, 'its worker is being removed')
    return false
  }
  if (run.status === 'aborting' && (await startOver(ctx, run))) return true
  const outputs = await measureOutputs(ctx, run)
  await ctx.begin(async (tx) => {
    if (isCompleting(run) && outputs.unfit !== undefined) return refuse(tx, ctx, run, outputs.unfit)
    const done = isCompleting(run)
    const moved = done
      ? await moveRun(tx, run, 'done', ctx.by)
      : await moveRun(tx, run, 'failed', ctx.by)
    if (moved) await stampData(tx, run.id, done, outputs.measures, ctx.by)
    if (moved) ctx.log.info(`run ${moved.status}`, { run: run.id, attempt: run.attempt })
  })
  return true
}

const isCompleting = (run: Ending): run is Claimed<'completing'> => run.status === 'completing'

/** A run whose outputs cannot be kept has not succeeded, whatever its program said. */
async function refuse(
  tx: Tx,
  ctx: Context,
  run: Claimed<'completing'>,
  why: string,
): Promise<void> {
  if (!(await moveRun(tx, run, 'aborting', ctx.by, { reason: why }))) return
  const exit = { code: unstartableCode, message: why }
  await recordEnd(tx, run, { exit, cause: 'program' })
}

/** A failure of the machine is tried again, with new data and volumes, as often as the configuration says. */
async function startOver(ctx: Context, run: Claimed<'aborting'>): Promise<boolean> {
  const failure = await findCause(ctx.sql, run)
  if (failure?.cause !== 'machine' || run.attempt >= ctx.config.maxAttempts) return false
  const reason = `attempt ${run.attempt} was lost: ${failure.message}`
  return ctx.begin((tx) => tryAgain(tx, run, reason, ctx.by))
}

type Outputs = { measures: Map<string, Measure>; unfit?: string }

/** What the outputs hold; `unfit` says what in them cannot be kept. */
async function measureOutputs(ctx: Context, run: Ending): Promise<Outputs> {
  const work = await loadWork(ctx.sql, run.id)
  const outputs: Outputs = { measures: new Map() }
  for (const { path, knitId } of work?.outputs ?? []) {
    try {
      const measure = await ctx.cluster.measureVolume(volumeOf(knitId))
      if (measure) outputs.measures.set(knitId, measure)
    } catch (error) {
      if (!(error instanceof ArchiveError)) throw error
      outputs.unfit = `what it wrote to ${path ?? 'its log'} cannot be kept: ${error.message}`
    }
  }
  return outputs
}
