import { createHash } from 'node:crypto'
import { finished } from 'node:stream'
import { data } from '#shared/contracts/data.ts'
import { Problem } from '#shared/contracts/problems.ts'
import { digestHeader } from '#shared/contracts/route.ts'
import { archiveTypes } from '#shared/domain/archive-type.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import type { Context } from '#shared/runtime/context.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { leased } from '#shared/runtime/leased.ts'
import { wantedCoding } from '#shared/runtime/preferred.ts'
import { streamResponse } from '#shared/runtime/stream-response.ts'
import { approved, begun } from './approved.ts'
import { contentRange, etagOf, leftOut } from './range.ts'

const checksumTrailer = 'x-checksum-md5'

/**
 * Sends data as an archive, with the checksum of all of it as a trailer, whether all of it is sent or not. What is read is compared
 * with what was stored.
 */
export default defineRoute(
  data.pull,
  async ({ params: { knitId }, request: { headers }, bindings }, ctx) => {
    const coding = wantedCoding(headers.get('accept'))
    const { archive, digest } = await leased(
      ctx,
      knitId,
      async ({ volume, digest }) => ({ archive: await ctx.transfers.send(volume, coding), digest }),
      ({ archive }) => archive,
    )
    // Reading may stand still; nobody reads for who has gone.
    if (bindings.outgoing) finished(bindings.outgoing, { readable: false }, () => archive.destroy())
    const etag = etagOf(digest, coding)
    const from = leftOut(headers, etag)
    const hash = createHash('md5')
    const body = approved(archive, {
      from,
      observe: (chunk) => hash.update(chunk),
      approve: (found) => requireStored(ctx, { knitId, stored: digest, found }),
    })
    await begun(body, bindings)
    return streamResponse(body, bindings, {
      type: archiveTypes[coding],
      headers: {
        vary: 'accept',
        ...(etag && { etag, 'accept-ranges': 'bytes' }),
        ...(digest !== null && { [digestHeader.toLowerCase()]: digest }),
        ...(from > 0 && { 'content-range': contentRange(from) }),
      },
      status: from > 0 ? 206 : 200,
      trailer: { name: checksumTrailer, value: () => hash.digest('hex') },
      log: ctx.log,
      count: (bytes) =>
        ctx.metrics.count('knit_sent_bytes_total', { route: data.pull.name }, bytes),
      patience: ctx.config.uploadLease,
    })
  },
  { as: 'deployment', uses: ['send'] },
)

type Digests = { knitId: string; stored: string | null; found: string | undefined }

/** Data that are done do not change. Not every agent tells what it has read: those of an older release do not. */
function requireStored({ log }: Context, { knitId, stored, found }: Digests): void {
  if (stored === null || found === undefined || found === stored) return
  log.error(
    'data are not what was stored: restore their volume from a backup, or delete the run that made them and make them anew',
    { knitId, volume: volumeOf(knitId), stored, found },
  )
  throw new Problem(
    'data-changed',
    `What is kept of the data ${knitId} is not what was stored: its digest is ${found}, not ${stored}.`,
  )
}
