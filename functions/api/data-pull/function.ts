import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { data } from '#shared/contracts/data.ts'
import { Problem } from '#shared/contracts/problems.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { beginDownload, endDownload, renewDownload } from '#shared/database/data.ts'
import type { Context } from '#shared/runtime/context.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { streamResponse } from '#shared/runtime/stream-response.ts'

const checksumTrailer = 'x-checksum-md5'

/** Sends data as an archive, with the checksum of what was sent as a trailer. */
export default defineRoute(
  data.pull,
  async ({ params: { knitId }, bindings }, ctx) => {
    const archive = await leased(ctx, knitId)
    const hash = createHash('md5')
    archive.on('data', (chunk: Buffer) => hash.update(chunk))
    return streamResponse(archive, bindings, {
      type: 'application/tar+gzip',
      trailer: { name: checksumTrailer, value: () => hash.digest('hex') },
      log: ctx.log,
      count: (bytes) =>
        ctx.metrics.count('knit_sent_bytes_total', { route: data.pull.name }, bytes),
      patience: ctx.config.uploadLease,
    })
  },
  { as: 'deployment', uses: ['send'] },
)

/** The archive of data that nobody deletes while it is being read. */
async function leased(ctx: Context, knitId: string): Promise<Readable> {
  const lease = ctx.config.uploadLease
  const agentId = await beginDownload(ctx.sql, knitId, lease)
  if (!agentId) throw new Problem('data-not-found', `No data has the id ${knitId}.`)
  const renewal = setInterval(
    () => void renewDownload(ctx.sql, agentId, lease).catch(() => {}),
    (lease * 1000) / 3,
  )
  // A lease that cannot be given back passes by itself.
  const end = (): void => {
    clearInterval(renewal)
    endDownload(ctx.sql, agentId).catch(() => {})
  }
  try {
    return (await ctx.transfers.send(volumeOf(knitId))).once('close', end)
  } catch (error) {
    end()
    throw error
  }
}
