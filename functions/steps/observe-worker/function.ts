import type { Measure, Worker, WorkerState } from '#shared/ports/cluster.ts'
import { systemExits, unstartableCode } from '#shared/domain/run-exits.ts'
import { workerOf } from '#shared/domain/worker-spec.ts'
import { recordMeasures } from '#shared/database/data.ts'
import {
  recordEnd,
  releaseRun,
  type AttemptEnd,
  type Execution,
  secondsInStatus,
  type Claimed,
} from '#shared/database/runs.ts'
import type { Context } from '#shared/runtime/context.ts'
import { defineStep } from '#shared/runtime/define-step.ts'
import { advance, askHooks } from '#shared/runtime/hooks.ts'
import { runToldOf, serveWhileHinted } from '#shared/runtime/serve-run.ts'
import { traceProgram } from '#shared/runtime/trace-program.ts'

/** Reads the true state of a run's worker and moves the run to where that is. */
export default defineStep(
  'observe-worker',
  async (event, ctx) => {
    const run = runToldOf(event.data)
    if (!run) return
    await serveWhileHinted(ctx, run.id, ['starting', 'running'], (held, own) => look(held, own))
  },
  { minScale: 1, concurrency: 8, uses: ['findWorker', 'releaseWorker'] },
)

type Observed = Claimed<'starting'> | Claimed<'running'>

/** Looks at the worker and moves, or leaves, the run; true when there may be more to see of one that has not ended. */
async function look(run: Observed, ctx: Context): Promise<boolean> {
  const worker = await ctx.cluster.findWorker(workerOf(run))
  if (!worker || !isOwn(run, worker))
    return end(ctx, run, 'aborting', { exit: systemExits.lost, cause: 'machine' })
  const { state } = worker
  if (state.phase === 'succeeded')
    return end(
      ctx,
      run,
      'completing',
      { ...times(state), exit: { code: 0, message: '' } },
      state.measures,
    )
  if (state.phase === 'failed')
    return end(ctx, run, 'aborting', {
      ...times(state),
      exit: { code: state.exitCode, message: state.message },
      cause: state.cause,
    })
  return goOn(ctx, run, worker)
}

/** Who was slow to begin an attempt may make its worker once more after it was lost; what that would write is nobody's. */
const isOwn = ({ workerUid }: Observed, { uid }: Worker): boolean => !workerUid || workerUid === uid

async function goOn(ctx: Context, run: Observed, worker: Worker): Promise<boolean> {
  const { state } = worker
  if (state.phase === 'suspended') return releaseLate(ctx, run, worker)
  if (state.phase === 'running' && isStarting(run)) {
    await askHooks(ctx, run, 'running')
    const moved = await advance(ctx, run, 'running', {
      also: (tx, own) => recordEnd(tx, own, times(state)),
    })
    return moved?.isHinted ?? false
  }
  if (state.phase === 'pending' && isStarting(run)) return wait(ctx, run, state)
  return releaseRun(ctx.sql, run, ctx.config.lookInterval)
}

// Seconds in which who has made a worker has released it.
const moment = 2

/** Releases a worker whose maker did not come to that. */
async function releaseLate(ctx: Context, run: Observed, { name, uid }: Worker): Promise<boolean> {
  const left = moment - (await secondsInStatus(ctx.sql, run))
  if (left > 0) return releaseRun(ctx.sql, run, left)
  await ctx.cluster.releaseWorker({ name, uid })
  return releaseRun(ctx.sql, run, ctx.config.lookInterval)
}

type Pending = Extract<WorkerState, { phase: 'pending' }>

// Seconds. With those until the next sweep they are fewer than ten, within which people are to be told why.
const soon = 4

/**
 * Of what keeps a worker from beginning, not everything is a change of its own: it is looked for. Who waits for others to end does
 * so for long, and is looked at less and less often.
 */
async function wait(ctx: Context, run: Claimed<'starting'>, state: Pending): Promise<boolean> {
  const { config, sql } = ctx
  const seconds = await secondsInStatus(sql, run)
  if (seconds > config.pendingPatience && !state.queued)
    return end(ctx, run, 'aborting', neverBegan(ctx, state.reason))
  const longest = state.queued ? config.lookInterval : Math.min(config.lookInterval, soon)
  return releaseRun(sql, run, Math.min(seconds, longest), state.reason)
}

/** Room, nodes and registries are the machine's, so it may be tried again. */
function neverBegan({ config }: Context, reason = 'nothing says why') {
  const message = `its program did not begin within ${config.pendingPatience} s: ${reason}`
  const exit = { code: unstartableCode, message }
  return { exit, cause: 'machine' } as const
}

const isStarting = (run: Observed): run is Claimed<'starting'> => run.status === 'starting'

async function end(
  ctx: Context,
  run: Observed,
  to: 'completing' | 'aborting',
  how: AttemptEnd,
  measures?: Record<string, Measure>,
): Promise<false> {
  await askHooks(ctx, run, to)
  const reason = how.cause ? how.exit?.message : undefined
  let execution: Execution | undefined
  const ended = await advance(ctx, run, to, {
    ...(reason && { reason }),
    async also(tx, moved) {
      execution = await recordEnd(tx, moved, how)
      if (measures) await recordMeasures(tx, run.id, measures)
    },
  })
  if (ended) traceProgram(ctx, run, execution, how.exit?.code === 0 ? undefined : how.exit?.message)
  return false
}

const times = (state: { startedAt?: Date; endedAt?: Date; image?: string }) => ({
  startedAt: state.startedAt,
  endedAt: state.endedAt,
  image: state.image,
})
