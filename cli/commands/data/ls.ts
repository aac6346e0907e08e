import * as z from 'zod'
import { entriesOf, type ArchiveEntry } from '#shared/archive/entries.ts'
import { ApiError, isUnknownRoute } from '#shared/client/api-error.ts'
import type { KnitApi } from '#shared/client/connect.ts'
import { data, mostFiles } from '#shared/contracts/data.ts'
import type { FileEntry } from '#shared/domain/file-list.ts'
import { api } from '../../api.ts'
import { flag, Format, formatHelp, positional } from '../../args.ts'
import { command } from '../../command.ts'
import type { Context } from '../../context.ts'
import { Failure } from '../../failure.ts'
import { printEach, type Column } from '../../output.ts'
import { counted } from '../../progress.ts'
import { insidePath } from './inside-path.ts'

/** An archive says no times that we read, and may have links of another kind. */
type Listed = Omit<FileEntry, 'type' | 'mtime'> & { type: string; mtime?: string }

const columns: Column<Listed>[] = [
  ['PATH', ({ path, type }) => (type === 'directory' ? `${path}/` : path)],
  ['SIZE', ({ size }) => String(size)],
  ['MODE', ({ mode }) => mode],
  ['LINK TO', ({ target }) => target ?? ''],
]

export default command({
  about: data.ls.summary,
  examples: ['knit data ls KNIT_ID images', 'knit data ls KNIT_ID --output table'],
  args: {
    knitId: positional(data.ls.params.shape.knitId),
    path: positional(z.string().default('').describe('Only this directory, or this file.')),
    output: flag(Format.default('name').describe(formatHelp)),
  },
  async run({ knitId, path, ...args }, ctx) {
    await printEach(ctx, entriesIn({ knitId, path: insidePath(path) }, ctx), args, columns)
  },
})

type Place = { knitId: string; path: string }

/** What there is, as it comes: there may be very much. */
async function* entriesIn({ knitId, path }: Place, ctx: Context): AsyncGenerator<Listed> {
  let isEmpty = true
  for await (const entry of listedBy(api(ctx), { knitId, path }, ctx)) {
    yield entry
    isEmpty = false
  }
  if (isEmpty && path !== '')
    throw new Failure(`data ${knitId} has nothing at ${path}`, `knit data ls ${knitId}`)
}

/** What the server lists, or what is in the archive where it has no such list. */
async function* listedBy(client: KnitApi, place: Place, ctx: Context): AsyncGenerator<Listed> {
  try {
    for await (const files of partsOf(client, place, ctx)) yield* files
  } catch (error) {
    if (isUnknownRoute(error)) yield* await lookedThrough(client, place, ctx)
    else if (!(error instanceof ApiError) || error.code !== 'file-not-found') throw error
  }
}

async function* partsOf(client: KnitApi, { knitId, path }: Place, ctx: Context) {
  let after: string | undefined
  do {
    const asked = { knitId, limit: mostFiles, ...(path !== '' && { path }), after }
    const part = await client.call(data.ls, asked, ctx)
    yield part.files
    after = part.after
  } while (after !== undefined)
}

/** The archive is looked through as it comes, and not kept; nothing is told of one that is not whole, or hostile. */
async function lookedThrough(
  client: KnitApi,
  { knitId, path }: Place,
  ctx: Context,
): Promise<Listed[]> {
  const archive = counted(await client.pull(knitId, { ...ctx, zstd: true }), knitId, ctx)
  const listed: Listed[] = []
  for await (const entry of entriesOf(archive, ctx))
    if (isIn(entry.path, path)) listed.push(shown(entry))
  return listed
}

const isIn = (path: string, dir: string): boolean =>
  dir === '' || path === dir || path.startsWith(`${dir}/`)

const shown = ({ path, type, size, mode, target }: ArchiveEntry): Listed => ({
  path,
  type,
  size,
  mode: (mode & 0o777).toString(8).padStart(3, '0'),
  ...(type.endsWith('link') && { target }),
})
