import { admit } from '#shared/domain/admission.ts'
import type { FailureCause } from '#shared/domain/run.ts'
import { unstartableCode } from '#shared/domain/run-exits.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { claimWaiting, readDemand } from '#shared/database/admission.ts'
import { recordEnd, type Claimed } from '#shared/database/runs.ts'
import type { Tx } from '#shared/database/sql.ts'
import { loadWork } from '#shared/database/work.ts'
import type { Context } from '#shared/runtime/context.ts'
import { defineStep } from '#shared/runtime/define-step.ts'
import { advance, askHooks } from '#shared/runtime/hooks.ts'
import { blameOf, isHopeless, serveClaimed } from '#shared/runtime/serve-run.ts'

const runsAtOnce = 16

/** Admits runs that wait, as far as there is room for them, and makes the volumes of their outputs. */
export default defineStep(
  'initialize-run',
  async (_event, ctx) => {
    for (;;) {
      const { admitted, impossible } = await admitSome(ctx)
      if (admitted.length + impossible.length === 0) return
      await Promise.all([
        ...admitted.map((run) => serveClaimed(ctx, run, makeVolumes)),
        ...impossible.map(({ run, reason }) =>
          serveClaimed(ctx, run, (_, own) => refuse(own, run, reason, 'plan')),
        ),
      ])
    }
  },
  // Of several one would admit, and the others wait for their turn.
  { minScale: 1, maxScale: 1, concurrency: 1, uses: ['ensureVolume'] },
)

type Admitted = {
  admitted: Claimed<'waiting'>[]
  impossible: { run: Claimed<'waiting'>; reason: string }[]
}

/** Claims the runs that fit now, and those that never will, in one transaction. */
async function admitSome(ctx: Context): Promise<Admitted> {
  const capacity = await ctx.cluster.capacity()
  const admission = async (tx: Tx): Promise<Admitted> => {
    const demand = await readDemand(tx, runsAtOnce)
    const decision = admit(demand, capacity, runsAtOnce, ctx.config.liveRuns)
    const reasons = new Map(decision.impossible.map(({ runId, reason }) => [runId, reason]))
    const wanted = [...decision.admitted, ...reasons.keys()]
    if (wanted.length === 0) return { admitted: [], impossible: [] }
    const claimed = await claimWaiting(tx, wanted, ctx.by.actor, ctx.config.claimLease)
    return {
      admitted: claimed.filter(({ id }) => !reasons.has(id)),
      impossible: claimed.flatMap((run) => {
        const reason = reasons.get(run.id)
        return reason === undefined ? [] : [{ run, reason }]
      }),
    }
  }
  // A claim that a failing server loses was nobody's any more.
  return ctx.begin(admission, { durable: false })
}

async function makeVolumes(run: Claimed<'waiting'>, ctx: Context): Promise<void> {
  await askHooks(ctx, run, 'ready')
  const work = await loadWork(ctx.sql, run)
  if (!work) return
  try {
    await Promise.all(
      work.outputs.map(({ knitId }) =>
        ctx.cluster.ensureVolume({ name: volumeOf(knitId), labels: { knitid: knitId } }),
      ),
    )
  } catch (error) {
    if (!isHopeless(ctx, run, error)) throw error
    const reason = `its volumes cannot be made: ${(error as Error).message}`
    return refuse(ctx, run, reason, blameOf(error))
  }
  await advance(ctx, run, 'ready')
}

async function refuse(
  ctx: Context,
  run: Claimed<'waiting'>,
  reason: string,
  cause: FailureCause,
): Promise<void> {
  const exit = { code: unstartableCode, message: reason }
  const end = { exit, cause }
  await askHooks(ctx, run, 'aborting')
  await advance(ctx, run, 'aborting', { reason, also: (tx, moved) => recordEnd(tx, moved, end) })
}
