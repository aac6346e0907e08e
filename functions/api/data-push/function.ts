import { createHash, type Hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { finished, Transform, type Readable } from 'node:stream'
import { ArchiveError } from '#shared/archive/archive-error.ts'
import { data } from '#shared/contracts/data.ts'
import { Problem } from '#shared/contracts/problems.ts'
import type { DataDetail } from '#shared/domain/data.ts'
import { checkTagLimits, isSystemTag, sortTags, type Tag } from '#shared/domain/tag.ts'
import type { Measure } from '#shared/domain/worker.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import {
  beginUpload,
  completeUpload,
  discardUpload,
  renewUpload,
  type Upload,
} from '#shared/database/data.ts'
import type { Tx } from '#shared/database/sql.ts'
import type { Context } from '#shared/runtime/context.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { bodyStream } from '#shared/runtime/read-request.ts'
import { dataOrProblem } from '#shared/runtime/show.ts'

/** Keeps an uploaded archive as data. Until it is whole and on disk it is shown as in progress, and fits no input. */
export default defineRoute(
  data.push,
  async ({ query, request, bindings }, ctx) => {
    const tags = checkedTags(query.tag, ctx)
    const earlier = await ctx.earlier()
    if (earlier) return earlier.answer as DataDetail
    const body = bodyStream(request, bindings)
    const upload = await beginUpload(ctx.sql, tags, ctx.config.uploadLease, ctx.by)
    try {
      const measure = await receive(ctx, upload, body, bindings.incoming)
      const shown = await ctx.once((tx) => complete(tx, upload, measure, ctx))
      if (shown.knitId !== upload.knitId)
        await discard(ctx, upload, 'the same request was sent again, and that one was sooner')
      return shown
    } catch (error) {
      await discard(ctx, upload, String(error))
      throw error
    }
  },
  { as: 'deployment' },
)

const discard = (ctx: Context, upload: Upload, reason: string): Promise<void> =>
  ctx.begin((tx) => discardUpload(tx, upload, reason, ctx.by))

async function complete(
  tx: Tx,
  upload: Upload,
  measure: Measure,
  ctx: Context,
): Promise<DataDetail> {
  if (!(await completeUpload(tx, upload, measure, ctx.by))) throw givenUp()
  return dataOrProblem(tx, upload.knitId)
}

const givenUp = (): Problem =>
  new Problem('upload-ended', 'Somebody ended the upload before it was whole; push the data again.')

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
): Promise<Measure> {
  const volume = volumeOf(upload.knitId)
  const hash = createHash('md5')
  const archive = hashed(body, hash)
  const lease = ctx.config.uploadLease
  const renew = async (): Promise<void> => {
    if (!(await renewUpload(ctx.sql, upload, lease))) archive.destroy(givenUp())
  }
  const renewal = setInterval(() => void renew().catch(() => {}), (lease * 1000) / 3)
  try {
    await ctx.cluster.ensureVolume({ name: volume, labels: { knitid: upload.knitId } })
    const measure = await ctx.transfers.receive(volume, archive)
    checkSum(hash.digest('hex'), incoming?.trailers['x-checksum-md5'])
    return measure
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

/** The body, hashed on its way. Not by `pipeline`: an archive that is refused leaves the connection open, for the answer that says why. */
function hashed(body: Readable, hash: Hash): Readable {
  const archive = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk)
      done(null, chunk)
    },
  })
  finished(body, { writable: false }, (error) => error && archive.destroy(error))
  // The line may break before anybody reads; who reads then is told.
  return body.pipe(archive.on('error', () => {}))
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
