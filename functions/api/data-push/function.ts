import { createHash, type Hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { ArchiveError } from '#shared/archive/archive-error.ts'
import { data } from '#shared/contracts/data.ts'
import { Problem } from '#shared/contracts/problems.ts'
import { checkTagLimits, isSystemTag, sortTags, type Tag } from '#shared/domain/tag.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import {
  beginUpload,
  completeUpload,
  discardUpload,
  renewUpload,
  type Upload,
} from '#shared/database/data.ts'
import { showData } from '#shared/database/data-view.ts'
import type { Context } from '#shared/runtime/context.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { bodyStream } from '#shared/runtime/read-request.ts'

/** Keeps an uploaded archive as data. Until it is whole and on disk it is shown as in progress, and fits no input. */
export default defineRoute(
  data.push,
  async ({ query, request, bindings }, ctx) => {
    const tags = checkedTags(query.tag, ctx)
    const body = bodyStream(request, bindings)
    const upload = await beginUpload(ctx.sql, tags, ctx.config.uploadLease, ctx.by)
    try {
      await receive(ctx, upload, body, bindings.incoming)
    } catch (error) {
      await discardUpload(ctx.sql, upload.run.id, String(error), ctx.by)
      ctx.relay.wake()
      throw error
    }
    ctx.relay.wake()
    const [shown] = await showData(ctx.sql, [upload.knitId])
    if (!shown)
      throw new Problem('data-not-found', `The data ${upload.knitId} was deleted meanwhile.`)
    return shown
  },
  { as: 'deployment' },
)

function checkedTags(tags: Tag[], ctx: Context): Tag[] {
  const system = tags.find(isSystemTag)
  if (system)
    throw new Problem(
      'bad-request',
      `bad tag: "${system.key}" cannot be put on data: tags that begin with knit# are the system's.`,
    )
  const sorted = sortTags(tags)
  checkTagLimits(sorted, ctx.config)
  return sorted
}

async function receive(
  ctx: Context,
  upload: Upload,
  body: Readable,
  incoming: IncomingMessage | undefined,
): Promise<void> {
  const volume = volumeOf(upload.knitId)
  const lease = ctx.config.uploadLease
  const renewal = setInterval(
    () => void renewUpload(ctx.sql, upload, lease).catch(() => {}),
    (lease * 1000) / 3,
  )
  try {
    await ctx.cluster.ensureVolume({ name: volume, labels: { knitid: upload.knitId } })
    const hash = createHash('md5')
    const measure = await ctx.transfers.receive(volume, Readable.from(hashed(body, hash)))
    checkSum(hash.digest('hex'), incoming?.trailers['x-checksum-md5'])
    if (!(await completeUpload(ctx.sql, upload, measure, ctx.by)))
      throw new Problem('unavailable', 'The upload was given up meanwhile; push the data again.')
  } catch (error) {
    if (error instanceof ArchiveError)
      throw new Problem('bad-archive', error.message, { cause: error })
    if (isBrokenLine(error, incoming))
      throw new Problem(
        'bad-archive',
        'The connection broke before the archive was whole; push it again.',
        {
          cause: error,
        },
      )
    throw error
  } finally {
    clearInterval(renewal)
  }
}

/** The body, hashed on its way. An archive that is refused leaves the connection open, for the answer that says why. */
async function* hashed(body: Readable, hash: Hash): AsyncGenerator<Buffer> {
  for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    hash.update(chunk)
    yield chunk
  }
}

function checkSum(own: string, sent: string | string[] | undefined): void {
  if (sent === undefined || sent === own) return
  throw new Problem(
    'checksum-mismatch',
    `The bytes that arrived have the MD5 ${own}, not ${String(sent)}; push them again.`,
  )
}

/** True when it was the caller's line that broke, and not one of our own. */
const isBrokenLine = (error: unknown, incoming: IncomingMessage | undefined): boolean =>
  (!incoming || (incoming.destroyed && !incoming.complete)) &&
  error instanceof Error &&
  'code' in error &&
  ['ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE', 'ABORT_ERR'].includes(String(error.code))
