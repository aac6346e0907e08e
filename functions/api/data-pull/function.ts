import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { data } from '#shared/contracts/data.ts'
import { Problem } from '#shared/contracts/problems.ts'
import { digestHeader } from '#shared/contracts/route.ts'
import { archiveTypes, type Coding } from '#shared/domain/archive-type.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { beginDownload, endDownload, renewDownload } from '#shared/database/data.ts'
import type { Context } from '#shared/runtime/context.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { wantedCoding } from '#shared/runtime/preferred.ts'
import { streamResponse } from '#shared/runtime/stream-response.ts'
import { contentRange, etagOf, leftOut } from './range.ts'

const checksumTrailer = 'x-checksum-md5'

/** Sends data as an archive, with the checksum of all of it as a trailer, whether all of it is sent or not. */
export default defineRoute(
  data.pull,
  async ({ params: { knitId }, request: { headers }, bindings }, ctx) => {
    const coding = wantedCoding(headers.get('accept'))
    const { archive, digest } = await leased(ctx, knitId, coding)
    const etag = etagOf(digest, coding)
    const from = leftOut(headers, etag)
    const hash = createHash('md5')
    const body = behind(archive, from, (chunk) => hash.update(chunk))
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

/** What follows the first bytes of a stream, of which all are observed. */
function behind(stream: Readable, from: number, observe: (chunk: Buffer) => void): Readable {
  if (from === 0) return stream.on('data', observe)
  const rest = Readable.from(passing(stream, from, observe), { objectMode: false })
  return rest.once('close', () => stream.destroy())
}

async function* passing(
  stream: AsyncIterable<Buffer>,
  from: number,
  observe: (chunk: Buffer) => void,
): AsyncGenerator<Buffer> {
  let left = from
  for await (const chunk of stream) {
    observe(chunk)
    const news = chunk.subarray(left)
    left -= chunk.length - news.length
    if (news.length > 0) yield news
  }
}

type Leased = { archive: Readable; digest: string | null }

/** The archive of data that nobody deletes while it is being read. */
async function leased(ctx: Context, knitId: string, coding: Coding): Promise<Leased> {
  const lease = ctx.config.uploadLease
  const download = await beginDownload(ctx.sql, knitId, lease)
  if (!download) throw new Problem('data-not-found', `No data has the id ${knitId}.`)
  const { agentId, digest } = download
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
    const archive = (await ctx.transfers.send(volumeOf(knitId), coding)).once('close', end)
    return { archive, digest }
  } catch (error) {
    end()
    throw error
  }
}
