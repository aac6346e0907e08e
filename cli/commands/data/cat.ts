import { pipeline } from 'node:stream/promises'
import * as z from 'zod'
import { entriesOf, type ArchiveEntry } from '#shared/archive/entries.ts'
import { data } from '#shared/contracts/data.ts'
import { shellLine } from '#shared/domain/shell.ts'
import { api } from '../../api.ts'
import { positional } from '../../args.ts'
import { command } from '../../command.ts'
import { Failure } from '../../failure.ts'
import { insidePath } from './inside-path.ts'

export default command({
  about: 'Print files of data, in the order in which they lie there.',
  examples: ['knit data cat KNIT_ID report.txt'],
  args: {
    knitId: positional(data.pull.params.shape.knitId),
    path: positional(z.array(z.string()).min(1).describe('Files, as knit data ls lists them.')),
  },
  async run({ knitId, path: paths }, ctx) {
    const wanted = new Set(paths.map(insidePath))
    const archive = await api(ctx).pull(knitId, { ...ctx, zstd: true })
    for await (const entry of entriesOf(archive, ctx)) {
      if (!wanted.delete(entry.path)) continue
      if (entry.type !== 'file') throw noFile(knitId, entry)
      await pipeline(entry.pieces(), ctx.stdout, { end: false })
      // What follows need not come; so the checksum at its end is not seen either.
      if (wanted.size === 0) return
    }
    const missing = [...wanted].join(', ')
    throw new Failure(`data ${knitId} has no file ${missing}`, `knit data ls ${knitId}`)
  },
})

function noFile(knitId: string, { path, type, target }: ArchiveEntry): Failure {
  if (type === 'directory')
    return new Failure(`${path} is a directory`, shellLine(['knit', 'data', 'ls', knitId, path]))
  return new Failure(`${path} is a ${type} to ${target}`, `knit data ls ${knitId} --output table`)
}
