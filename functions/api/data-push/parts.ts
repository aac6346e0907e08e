import { Problem } from '#shared/contracts/problems.ts'
import { idempotencyHeader, uploadHeaders } from '#shared/contracts/route.ts'
import type { Part, Received } from '#shared/ports/cluster.ts'
import { toProblem } from '#shared/runtime/respond.ts'
import { answer } from '#shared/runtime/web.ts'

/** The part of an archive that a request brings; `continues` when it goes on with an upload, instead of beginning one. */
export type AskedPart = Part & { continues: boolean }

/** What a request with a key breaks off may go on for `lease` seconds; of another nothing is kept. */
export function partOf(headers: Pick<Headers, 'get'>, hasKey: boolean, lease: number): AskedPart {
  const offset = headers.get(uploadHeaders.offset)
  const complete = headers.get(uploadHeaders.complete) ?? '?1'
  if (!/^\d{1,15}$/.test(offset ?? '0'))
    throw refused(`${uploadHeaders.offset} should be a number of bytes`)
  if (complete !== '?0' && complete !== '?1')
    throw refused(`${uploadHeaders.complete} should be ?0 or ?1`)
  const last = complete === '?1'
  if (!hasKey && (offset !== null || !last))
    throw refused(`a part needs an ${idempotencyHeader} that says of which upload it is`)
  return { from: Number(offset), last, keep: hasKey ? lease : 0, continues: offset !== null }
}

const refused = (why: string): Problem => new Problem('bad-request', `${why}.`)

/** How far an upload has come. */
export const progressHeaders = ({ bytes, md5 }: Received): Record<string, string> => ({
  [uploadHeaders.offset.toLowerCase()]: `${bytes}`,
  [uploadHeaders.complete.toLowerCase()]: '?0',
  [uploadHeaders.md5.toLowerCase()]: md5,
  'cache-control': 'no-store',
})

/** Says that a part has come, and that there is more to follow. */
export const partTaken = (received: Received): Response =>
  answer(null, { status: 204, headers: progressHeaders(received) })

export const gone = (cause?: Error): Problem =>
  new Problem(
    'upload-not-found',
    'Nothing is kept of an upload with this key, as it was too long ago or its server has ended; push it from its first byte.',
    { cause },
  )

const harmless = new Set(['upload-broken', 'upload-offset', 'unavailable'])

/** Whether what has come is as good as it was: only the way to us, or from us on, has failed. */
export const mayGoOn = (error: unknown): boolean => harmless.has(toProblem(error).code)
