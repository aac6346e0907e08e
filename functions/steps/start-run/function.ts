import { unstartableCode } from '#shared/domain/run.ts'
import { workerSpec } from '#shared/domain/worker-spec.ts'
import { moveRun, recordAttempt, recordEnd, type Claimed } from '#shared/database/runs.ts'
import { loadWork } from '#shared/database/work.ts'
import type { Context } from '#shared/runtime/context.ts'
import { defineStep } from '#shared/runtime/define-step.ts'
import { isHopeless, serveRun } from '#shared/runtime/serve-run.ts'

/** Creates the worker of a run, suspended, and releases it once the run is known to be starting. */
export default defineStep(
  'start-run',
  async ({ data: { runId } }, ctx) => {
    await serveRun(ctx, runId, ['ready'], (run) => startWorker(ctx, run))
  },
  { minScale: 1, concurrency: 8 },
)

async function startWorker(ctx: Context, run: Claimed<'ready'>): Promise<void> {
  const work = await loadWork(ctx.sql, run.id)
  if (!work) return
  let worker
  try {
    worker = await ctx.cluster.ensureWorker(workerSpec(run, work))
  } catch (error) {
    if (!isHopeless(ctx, run)) throw error
    return giveUp(ctx, run, `its worker cannot be created: ${(error as Error).message}`)
  }
  const { name, uid } = worker
  const started = await ctx.begin(async (tx) => {
    const moved = await moveRun(tx, run, 'starting', ctx.by)
    if (moved) await recordAttempt(tx, moved, { worker: name, workerUid: uid, image: work.image })
    return moved
  })
  // Somebody else serves the run now: the worker stays suspended, and is adopted or swept.
  if (!started) return
  await ctx.cluster.releaseWorker({ name, uid })
  ctx.log.info('run started', { run: run.id, attempt: run.attempt, image: work.image })
}

async function giveUp(ctx: Context, run: Claimed<'ready'>, reason: string): Promise<void> {
  await ctx.begin(async (tx) => {
    if (!(await moveRun(tx, run, 'aborting', ctx.by, { reason }))) return
    const exit = { code: unstartableCode, message: reason }
    await recordEnd(tx, run, { endedAt: ctx.clock.now(), exit, cause: 'plan' })
  })
}
