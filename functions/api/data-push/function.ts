import type { Readable } from 'node:stream'
import { ArchiveError } from '#shared/archive/archive-error.ts'
import { NotKept } from '#shared/archive/reception-error.ts'
import { data } from '#shared/contracts/data.ts'
import { Problem } from '#shared/contracts/problems.ts'
import type { ArchiveLimits } from '#shared/domain/archive-limits.ts'
import type { DataDetail } from '#shared/domain/data.ts'
import { checkTagLimits, isSystemTag, sortTags, type Tag } from '#shared/domain/tag.ts'
import type { Measure } from '#shared/domain/worker.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import {
  beginUpload,
  completeUpload,
  discardUpload,
  renewUpload,
  takeOverUpload,
  type Upload,
} from '#shared/database/uploads.ts'
import type { Tx } from '#shared/database/sql.ts'
import type { Received } from '#shared/ports/cluster.ts'
import type { Config } from '#shared/runtime/config.ts'
import type { Context } from '#shared/runtime/context.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import type { Once } from '#shared/runtime/once.ts'
import { newDataOrProblem } from '#shared/runtime/show.ts'
import { arrive, passOver } from './arrival.ts'
import { lost, whyOver } from './over.ts'
import { gone, mayGoOn, partOf, partTaken, type AskedPart } from './parts.ts'

/**
 * Keeps an uploaded archive as data. Until it is whole and on disk it is shown as in progress, and fits no input. When the line breaks,
 * the same request may go on with it, whoever serves it then.
 */
export default defineRoute(
  data.push,
  async ({ query, ...call }, ctx) => {
    const tags = checkedTags(query.tag, ctx)
    const lease = ctx.config.uploadLease
    const part = partOf(call.request.headers, ctx.key !== undefined, lease)
    const attendance = {
      patience: lease,
      count: (bytes: number) =>
        ctx.metrics.count('knit_received_bytes_total', { route: data.push.name }, bytes),
    }
    const earlier = part.continues ? undefined : await ctx.earlier()
    if (earlier) {
      const { md5 } = await arrive(call, attendance, passOver)
      return earlier.answerTo(Buffer.from(md5, 'hex')) as DataDetail
    }
    const upload = part.continues
      ? await goneOnWith(ctx)
      : await beginUpload(ctx.sql, tags, lease, ctx.by, ctx.key)
    if (!upload) return answered(ctx)
    try {
      const received = await arrive(call, attendance, (archive) => keep(ctx, upload, archive, part))
      return received.measure
        ? await finish(ctx, upload, received.measure, received.md5)
        : await pause(ctx, upload, received)
    } catch (error) {
      if (part.keep > 0 && mayGoOn(error)) await renewUpload(ctx.sql, upload, lease).catch(() => {})
      else
        await discard(ctx, upload, String(error)).catch((failure: unknown) =>
          leave(ctx, upload, failure),
        )
      throw error
    }
  },
  { as: 'deployment', uses: ['ensureVolume', 'receive'] },
)

const goneOnWith = async ({ sql, key, config }: Context & Once): Promise<Upload | undefined> =>
  key && takeOverUpload(sql, key, config.uploadLease)

/** How an upload was answered that is in progress no more: its caller never heard of that, and has nothing left to send. */
async function answered(ctx: Once): Promise<DataDetail> {
  const earlier = await ctx.earlier()
  if (!earlier) throw gone()
  return earlier.answer as DataDetail
}

async function pause(ctx: Context, upload: Upload, received: Received): Promise<Response> {
  if (!(await renewUpload(ctx.sql, upload, ctx.config.uploadLease)))
    throw await whyOver(ctx.sql, upload)
  return partTaken(received)
}

async function finish(
  ctx: Context & Once,
  upload: Upload,
  measure: Measure,
  md5: string,
): Promise<DataDetail> {
  const content = Buffer.from(md5, 'hex')
  const shown = await ctx.once((tx) => complete(tx, upload, measure, ctx), content)
  if (shown.knitId !== upload.knitId)
    await discard(ctx, upload, 'the same request was sent again, and that one was sooner')
  return shown
}

/** Its run is in no list any more, so the log says of which there is a history. */
async function discard(ctx: Context, upload: Upload, reason: string): Promise<void> {
  await ctx.begin((tx) => discardUpload(tx, upload, reason, ctx.by))
  ctx.log.info('an upload was given up', { runId: upload.run.id, reason })
}

/** Its lease passes, and then it is taken back. */
const leave = ({ log }: Context, { run }: Upload, error: unknown): void =>
  log.warn('an upload could not be given up at once', { runId: run.id, error })

async function complete(
  tx: Tx,
  upload: Upload,
  measure: Measure,
  ctx: Context,
): Promise<DataDetail> {
  if (!(await completeUpload(tx, upload, measure, ctx.by))) throw await whyOver(tx, upload)
  return newDataOrProblem(tx, upload.knitId)
}

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

const limitsIn = ({
  maxDataBytes,
  maxDataEntries,
  maxArchiveRatio,
  archiveRatioFrom,
}: Config): ArchiveLimits => ({ maxDataBytes, maxDataEntries, maxArchiveRatio, archiveRatioFrom })

/** Writes what comes of the archive to its volume; as long as that takes, the upload is ours. */
async function keep(
  ctx: Context,
  upload: Upload,
  archive: Readable,
  part: AskedPart,
): Promise<Received> {
  const volume = volumeOf(upload.knitId)
  const lease = ctx.config.uploadLease
  const renew = async (): Promise<void> => {
    if (!(await renewUpload(ctx.sql, upload, lease)))
      archive.destroy(await whyOver(ctx.sql, upload))
  }
  const renewal = setInterval(() => void renew().catch(() => {}), (lease * 1000) / 3)
  try {
    await ctx.cluster.ensureVolume({ name: volume, labels: { knitid: upload.knitId } })
    return await ctx.transfers.receive(volume, archive, part, limitsIn(ctx.config))
  } catch (error) {
    // Of what has just begun nothing can have been kept for too long.
    if (!part.continues && error instanceof NotKept) throw lost(error)
    // Whoever unpacked it has ended, and left what he had unpacked.
    const isLost = part.continues && error instanceof ArchiveError && error.code === 'not-empty'
    throw isLost ? new NotKept(error.message, { cause: error }) : error
  } finally {
    clearInterval(renewal)
  }
}
