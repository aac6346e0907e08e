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
import { print, type Column } from '../../output.ts'
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
    const within = insidePath(path)
    const client = api(ctx)
    const listed =
      (await listedBy(client, knitId, within, ctx)) ??
      (await lookedThrough(client, knitId, within, ctx))
    if (within !== '' && listed.length === 0)
      throw new Failure(`data ${knitId} has nothing at ${path}`, `knit data ls ${knitId}`)
    print(ctx, listed, args, columns)
  },
})

/** What the server lists; undefined where it has no such list. */
async function listedBy(
  client: KnitApi,
  knitId: string,
  path: string,
  ctx: Context,
): Promise<Listed[] | undefined> {
  const listed: Listed[] = []
  let after: string | undefined
  try {
    do {
      const asked = { knitId, limit: mostFiles, ...(path !== '' && { path }), after }
      const part = await client.call(data.ls, asked, ctx)
      listed.push(...part.files)
      after = part.after
    } while (after !== undefined)
    return listed
  } catch (error) {
    if (isUnknownRoute(error)) return undefined
    if (error instanceof ApiError && error.code === 'file-not-found') return []
    throw error
  }
}

/** What is in the archive of the data, which is looked through as it comes, and not kept. */
async function lookedThrough(
  client: KnitApi,
  knitId: string,
  path: string,
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
