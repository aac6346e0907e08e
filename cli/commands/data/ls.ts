import * as z from 'zod'
import { entriesOf, type ArchiveEntry } from '#shared/archive/entries.ts'
import { data } from '#shared/contracts/data.ts'
import { api } from '../../api.ts'
import { flag, Format, formatHelp, positional } from '../../args.ts'
import { command } from '../../command.ts'
import { Failure } from '../../failure.ts'
import { print, type Column } from '../../output.ts'
import { counted } from '../../progress.ts'
import { insidePath } from './inside-path.ts'

type Listed = { path: string; type: string; size: number; mode: string; target?: string }

const columns: Column<Listed>[] = [
  ['PATH', ({ path, type }) => (type === 'directory' ? `${path}/` : path)],
  ['SIZE', ({ size }) => String(size)],
  ['MODE', ({ mode }) => mode],
  ['LINK TO', ({ target }) => target ?? ''],
]

export default command({
  about: 'List the files of data. They are looked through as they come, and not kept.',
  examples: ['knit data ls KNIT_ID images', 'knit data ls KNIT_ID --output table'],
  args: {
    knitId: positional(data.pull.params.shape.knitId),
    path: positional(z.string().default('').describe('Only this directory, or this file.')),
    output: flag(Format.default('name').describe(formatHelp)),
  },
  async run({ knitId, path, ...args }, ctx) {
    const within = insidePath(path)
    const archive = counted(await api(ctx).pull(knitId, { ...ctx, zstd: true }), knitId, ctx)
    const listed: Listed[] = []
    for await (const entry of entriesOf(archive, ctx))
      if (isIn(entry.path, within)) listed.push(shown(entry))
    if (within !== '' && listed.length === 0)
      throw new Failure(`data ${knitId} has nothing at ${path}`, `knit data ls ${knitId}`)
    print(ctx, listed, args, columns)
  },
})

const isIn = (path: string, dir: string): boolean =>
  dir === '' || path === dir || path.startsWith(`${dir}/`)

const shown = ({ path, type, size, mode, target }: ArchiveEntry): Listed => ({
  path,
  type,
  size,
  mode: (mode & 0o777).toString(8).padStart(3, '0'),
  ...(type.endsWith('link') && { target }),
})
