import { createHash } from 'node:crypto'
import { data } from '#shared/contracts/data.ts'
import { Problem } from '#shared/contracts/problems.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { dataExists } from '#shared/database/data.ts'
import { defineRoute } from '#shared/runtime/define-route.ts'
import { streamResponse } from '#shared/runtime/stream-response.ts'

const checksumTrailer = 'x-checksum-md5'

/** Sends data as an archive, with the checksum of what was sent as a trailer. */
export default defineRoute(
  data.pull,
  async ({ params: { knitId }, bindings }, ctx) => {
    if (!(await dataExists(ctx.sql, knitId)))
      throw new Problem('data-not-found', `No data has the id ${knitId}.`)
    const archive = await ctx.transfers.send(volumeOf(knitId))
    const hash = createHash('md5')
    archive.on('data', (chunk: Buffer) => hash.update(chunk))
    return streamResponse(archive, bindings, {
      type: 'application/tar+gzip',
      trailer: { name: checksumTrailer, value: () => hash.digest('hex') },
      log: ctx.log,
    })
  },
  { as: 'deployment' },
)
