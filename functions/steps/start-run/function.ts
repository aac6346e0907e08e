import { unstartableCode } from '#shared/domain/run-exits.ts'
import { workerOf, workerSpec } from '#shared/domain/worker-spec.ts'
import { recordAttempt, recordEnd, recordEnvironment, type Claimed } from '#shared/database/runs.ts'
import { loadWork } from '#shared/database/work.ts'
import type { Context } from '#shared/runtime/context.ts'
import { defineStep } from '#shared/runtime/define-step.ts'
import { advance, askHooks } from '#shared/runtime/hooks.ts'
import { blameOf, isHopeless, serveRun } from '#shared/runtime/serve-run.ts'

/** Creates the worker of a run, suspended, and releases it once the run is known to be starting. */
export default defineStep(
  'start-run',
  async ({ data: { runId } }, ctx) => {
    await serveRun(ctx, runId, ['ready'], (run, own) => startWorker(own, run))
  },
  { minScale: 1, concurrency: 8, uses: ['ensureWorker', 'releaseWorker', 'findWorker'] },
)

async function startWorker(ctx: Context, run: Claimed<'ready'>): Promise<void> {
  const env = await environmentOf(ctx, run)
  const work = await loadWork(ctx.sql, run)
  if (!work) return
  const about = { attributes: { 'knit.worker': workerOf(run) } }
  let worker
  try {
    const spec = workerSpec(run, work)
    worker = await ctx.inSpan('create worker', about, () =>
      ctx.cluster.ensureWorker({ ...spec, env: { ...spec.env, ...env } }),
    )
  } catch (error) {
    if (!isHopeless(ctx, run, error)) throw error
    return giveUp(ctx, run, error)
  }
  const { name, uid } = worker
  const start = { worker: name, workerUid: uid, image: work.image }
  const started = await advance(ctx, run, 'starting', {
    also: (tx, moved) => recordAttempt(tx, moved, start),
  })
  // Somebody else serves the run now: the worker stays suspended, and is adopted or swept.
  if (!started) return
  await ctx.inSpan('release worker', about, () => ctx.cluster.releaseWorker({ name, uid }))
  ctx.log.info('run started', { run: run.id, attempt: run.attempt, image: work.image })
}

/** What the hooks give the program. A worker that is there already was made with that. */
async function environmentOf(ctx: Context, run: Claimed<'ready'>): Promise<Record<string, string>> {
  if (ctx.config.hooksBefore.length === 0) return {}
  if (await ctx.cluster.findWorker(workerOf(run))) return {}
  const env = await askHooks(ctx, run, 'starting')
  await recordEnvironment(ctx.sql, run, env)
  return env
}

async function giveUp(ctx: Context, run: Claimed<'ready'>, error: unknown): Promise<void> {
  const reason = `its worker cannot be created: ${(error as Error).message}`
  const exit = { code: unstartableCode, message: reason }
  const end = { exit, cause: blameOf(error) }
  await askHooks(ctx, run, 'aborting')
  await advance(ctx, run, 'aborting', { reason, also: (tx, moved) => recordEnd(tx, moved, end) })
}
