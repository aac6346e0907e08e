import { Readable } from 'node:stream'
import { runs } from '#shared/contracts/runs.ts'
import { Problem } from '#shared/contracts/problems.ts'
import { volumeOf, workerOf } from '#shared/domain/worker-spec.ts'
import { findRunLog } from '#shared/database/run-view.ts'
import { NoSuchVolume } from '#shared/ports/cluster.ts'
import type { Context } from '#shared/runtime/context.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { noRun } from '#shared/runtime/show.ts'
import { streamResponse } from '#shared/runtime/stream-response.ts'

/** Sends what a run has printed, or follows what it prints until its program ends. */
export default defineRoute(
  runs.log,
  async ({ params: { runId }, query: { follow }, request, bindings }, ctx) => {
    const run = await findRunLog(ctx.sql, runId)
    if (!run) noRun(runId)
    if (run.status === 'invalidated')
      throw new Problem('run-deleted', `The run ${runId} was deleted, and its log with it.`)
    if (run.logId === null)
      throw new Problem(
        'log-not-found',
        `The plan of the run ${runId} keeps no log; add log: to a plan to keep it.`,
      )
    if (run.status === 'deactivated' || run.status === 'waiting' || run.status === 'ready')
      throw new Problem('not-yet', `The run ${runId} is ${run.status}: it has not begun to print.`)
    const volume = volumeOf(run.logId)
    const live = run.status === 'starting' || run.status === 'running'
    const log =
      live && follow !== undefined
        ? await ctx.transfers.followLog(
            workerOf({ id: runId, attempt: run.attempt }),
            volume,
            request.signal,
          )
        : await readStored(ctx, volume)
    return streamResponse(log, bindings, {
      type: 'application/octet-stream',
      log: ctx.log,
      count: (bytes) => ctx.metrics.count('knit_sent_bytes_total', { route: runs.log.name }, bytes),
      patience: ctx.config.uploadLease,
    })
  },
  { as: 'deployment', uses: ['followLog', 'readLog'] },
)

/** A run that ended before there was a volume has printed nothing. */
async function readStored({ transfers }: Context, volume: string): Promise<Readable> {
  try {
    return await transfers.readLog(volume)
  } catch (error) {
    if (error instanceof NoSuchVolume) return Readable.from([])
    throw error
  }
}
