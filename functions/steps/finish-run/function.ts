import { runOfWorker, volumeOf, workerOf } from '#shared/domain/worker-spec.ts'
import type { Measure } from '#shared/domain/worker.ts'
import { stampData } from '#shared/database/data.ts'
import { findCause, moveRun, nextAttempt, releaseRun, type Claimed } from '#shared/database/runs.ts'
import { loadWork } from '#shared/database/work.ts'
import type { Context } from '#shared/runtime/context.ts'
import { defineStep } from '#shared/runtime/define-step.ts'
import { serveRun } from '#shared/runtime/serve-run.ts'

/** Removes the worker of a run that is ending; when it is gone, the run has ended and its data are stamped. */
export default defineStep(
  'finish-run',
  async (event, ctx) => {
    const run =
      event.name === 'worker.changed'
        ? runOfWorker(event.data.worker)
        : { id: event.data.runId, attempt: event.data.attempt }
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
  if (run.status === 'aborting' && (await tryAgain(ctx, run))) return true
  const measures = await measureOutputs(ctx, run)
  await ctx.begin(async (tx) => {
    const done = run.status === 'completing'
    const moved = done
      ? await moveRun(tx, run, 'done', ctx.by)
      : await moveRun(tx, run, 'failed', ctx.by)
    if (moved) await stampData(tx, run.id, done, measures, ctx.by)
  })
  return true
}

/** A failure of the machine is tried again, with new data and volumes, as often as the configuration says. */
async function tryAgain(ctx: Context, run: Claimed<'aborting'>): Promise<boolean> {
  const failure = await findCause(ctx.sql, run)
  if (failure?.cause !== 'machine' || run.attempt >= ctx.config.maxAttempts) return false
  const reason = `attempt ${run.attempt} was lost: ${failure.message}`
  return ctx.begin((tx) => nextAttempt(tx, run, reason, ctx.by))
}

async function measureOutputs(ctx: Context, run: Ending): Promise<Map<string, Measure>> {
  const work = await loadWork(ctx.sql, run.id)
  const measured = await Promise.all(
    (work?.outputs ?? []).map(async ({ knitId }) => {
      const measure = await ctx.cluster.measureVolume(volumeOf(knitId))
      return measure ? ([[knitId, measure]] as const) : []
    }),
  )
  return new Map(measured.flat())
}
