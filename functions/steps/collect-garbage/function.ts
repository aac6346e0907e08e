import { dropGarbage, findGarbage, postponeGarbage } from '#shared/database/garbage.ts'
import { defineStep } from '#shared/runtime/define-step.ts'

const volumesAtOnce = 100

/** Deletes volumes nobody needs any more. One that cannot be deleted is put off and holds nothing back. */
export default defineStep('collect-garbage', async (_event, ctx) => {
  for (;;) {
    const volumes = await findGarbage(ctx.sql, volumesAtOnce)
    if (volumes.length === 0) return
    for (const volume of volumes) {
      try {
        await ctx.cluster.deleteVolume(volume)
        await dropGarbage(ctx.sql, volume)
      } catch (error) {
        ctx.log.warn('a volume could not be deleted', { volume, error })
        await postponeGarbage(ctx.sql, volume, String(error))
      }
    }
  }
})
