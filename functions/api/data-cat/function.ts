import { createHash } from 'node:crypto'
import { data } from '#shared/contracts/data.ts'
import { parseRange, type ByteRange } from '#shared/domain/byte-range.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { leased } from '#shared/runtime/leased.ts'
import { streamResponse } from '#shared/runtime/stream-response.ts'

/** Sends one file of data, or a part of it: nothing else is read. */
export default defineRoute(
  data.cat,
  async ({ params: { knitId }, query: { path }, request: { headers }, bindings }, ctx) => {
    const { etag, isPart, part } = await leased(
      ctx,
      knitId,
      async ({ volume, digest }) => {
        const etag = etagOf(digest, path)
        const range = rangeOf(headers, etag)
        const part = await ctx.transfers.readFile(volume, path, range)
        return { etag, part, isPart: range !== undefined && part.bytes > 0 }
      },
      ({ part }) => part.content,
    )
    const { size, from, bytes, content } = part
    return streamResponse(content, bindings, {
      type: data.cat.response,
      status: isPart ? 206 : 200,
      headers: {
        ...asDownload(path),
        'content-length': `${bytes}`,
        ...(etag && { etag, 'accept-ranges': 'bytes' }),
        ...(isPart && { 'content-range': `bytes ${from}-${from + bytes - 1}/${size}` }),
      },
      log: ctx.log,
      count: (bytes) => ctx.metrics.count('knit_sent_bytes_total', { route: data.cat.name }, bytes),
      patience: ctx.config.uploadLease,
    })
  },
  { as: 'deployment', uses: ['readFile'] },
)

/** What names the very bytes of a file; undefined where they may still change. */
function etagOf(digest: string | null, path: string): string | undefined {
  if (digest === null) return undefined
  const made = JSON.stringify([digest, path])
  return `"${createHash('sha256').update(made).digest('base64url').slice(0, 22)}"`
}

/** Which bytes are asked for, of a file that has not become another. */
function rangeOf(headers: Pick<Headers, 'get'>, etag: string | undefined): ByteRange | undefined {
  const isSame = [null, etag].includes(headers.get('if-range'))
  return etag !== undefined && isSame ? parseRange(headers.get('range')) : undefined
}

/** A file is anybody's, and may be a page with scripts: no browser is to show it as one of ours. */
const asDownload = (path: string): Record<string, string> => ({
  'content-disposition': `attachment; filename*=UTF-8''${encoded(path.slice(path.lastIndexOf('/') + 1))}`,
  'content-security-policy': "default-src 'none'; sandbox",
})

/** As RFC 8187 has it. */
const encoded = (name: string): string =>
  encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  )
