import { findGarbage, noteRemoved, postponeGarbage } from '#shared/database/garbage.ts'
import type { Context } from '#shared/runtime/context.ts'
import { defineStep } from '#shared/runtime/define-step.ts'
import { within } from '#shared/runtime/within.ts'

const volumesAtOnce = 16

/** Deletes volumes nobody needs any more. One that cannot be deleted, or does not go, is put off and holds nothing back. */
export default defineStep(
  'collect-garbage',
  async (_event, ctx) => {
    for (;;) {
      const volumes = await findGarbage(ctx.sql, volumesAtOnce)
      if (volumes.length === 0) return
      await Promise.all(volumes.map((volume) => collect(ctx, volume)))
    }
  },
  // Others would wait for the same.
  { maxScale: 1, concurrency: 1, uses: ['deleteVolume'] },
)

async function collect(ctx: Context, volume: string): Promise<void> {
  try {
    await within(ctx.config.deletionPatience, ctx.cluster.deleteVolume(volume))
  } catch (error) {
    ctx.log.warn('a volume could not be deleted', { volume, error })
    return postponeGarbage(ctx.sql, volume, (error as Error).message)
  }
  await noteRemoved(ctx.sql, volume)
}
