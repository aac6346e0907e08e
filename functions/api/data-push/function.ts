import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
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
import { dataOrProblem } from '#shared/runtime/show.ts'
import { arrive } from './arrival.ts'

/** Keeps an uploaded archive as data. Until it is whole and on disk it is shown as in progress, and fits no input. */
export default defineRoute(
  data.push,
  async ({ query, ...call }, ctx) => {
    const tags = checkedTags(query.tag, ctx)
    const lease = ctx.config.uploadLease
    const attendance = {
      patience: lease,
      count: (bytes: number) =>
        ctx.metrics.count('knit_received_bytes_total', { route: data.push.name }, bytes),
    }
    const earlier = await ctx.earlier()
    if (earlier) {
      const { md5 } = await arrive(call, attendance, passOver)
      return earlier.answerTo(md5) as DataDetail
    }
    const upload = await beginUpload(ctx.sql, tags, lease, ctx.by)
    try {
      const { made, md5 } = await arrive(call, attendance, (archive) => keep(ctx, upload, archive))
      const shown = await ctx.once((tx) => complete(tx, upload, made, ctx), md5)
      if (shown.knitId !== upload.knitId)
        await discard(ctx, upload, 'the same request was sent again, and that one was sooner')
      return shown
    } catch (error) {
      await discard(ctx, upload, String(error))
      throw error
    }
  },
  { as: 'deployment', uses: ['ensureVolume', 'receive'] },
)

/** Reads what is kept already, to know that it is the same. */
const passOver = (archive: Readable): Promise<void> => finished(archive.resume())

/** Its run is in no list any more, so the log says of which there is a history. */
async function discard(ctx: Context, upload: Upload, reason: string): Promise<void> {
  await ctx.begin((tx) => discardUpload(tx, upload, reason, ctx.by))
  ctx.log.info('an upload was given up', { runId: upload.run.id, reason })
}

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
  new Problem(
    'upload-ended',
    'The upload was ended before it was whole, by somebody or because it stood still for too long; push the data again.',
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

/** Writes the archive to its volume; as long as that takes, the upload is ours. */
async function keep(ctx: Context, upload: Upload, archive: Readable): Promise<Measure> {
  const volume = volumeOf(upload.knitId)
  const lease = ctx.config.uploadLease
  const renew = async (): Promise<void> => {
    if (!(await renewUpload(ctx.sql, upload, lease))) archive.destroy(givenUp())
  }
  const renewal = setInterval(() => void renew().catch(() => {}), (lease * 1000) / 3)
  try {
    await ctx.cluster.ensureVolume({ name: volume, labels: { knitid: upload.knitId } })
    return await ctx.transfers.receive(volume, archive)
  } finally {
    clearInterval(renewal)
  }
}
