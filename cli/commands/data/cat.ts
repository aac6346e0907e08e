import { pipeline } from 'node:stream/promises'
import * as z from 'zod'
import { entriesOf, type ArchiveEntry } from '#shared/archive/entries.ts'
import { ApiError, isUnknownRoute } from '#shared/client/api-error.ts'
import type { KnitApi } from '#shared/client/connect.ts'
import { data } from '#shared/contracts/data.ts'
import { shellLine } from '#shared/domain/shell.ts'
import { api } from '../../api.ts'
import { positional } from '../../args.ts'
import { command } from '../../command.ts'
import type { Context } from '../../context.ts'
import { Failure } from '../../failure.ts'
import { insidePath } from './inside-path.ts'

export default command({
  about: 'Print files of data, in the order in which they lie there.',
  examples: ['knit data cat KNIT_ID report.txt'],
  args: {
    knitId: positional(data.cat.params.shape.knitId),
    path: positional(z.array(z.string()).min(1).describe('Files, as knit data ls lists them.')),
  },
  async run({ knitId, path: paths }, ctx) {
    const wanted = inOrder(paths.map(insidePath))
    const client = api(ctx)
    const missing =
      (await printEach(client, knitId, wanted, ctx)) ??
      (await printFound(client, knitId, wanted, ctx))
    if (missing.length > 0)
      throw new Failure(
        `data ${knitId} has no file ${missing.join(', ')}`,
        `knit data ls ${knitId}`,
      )
  },
})

/** That of an archive, as by the names on the way: so `/` comes before all that a name may have. */
function inOrder(paths: readonly string[]): string[] {
  const place = (path: string) => Buffer.from(path.replaceAll('/', '\0'))
  return [...new Set(paths)].sort((one, other) => Buffer.compare(place(one), place(other)))
}

/** Prints files one by one; gives back those that there are not. Undefined where the server gives out no single files. */
async function printEach(
  client: KnitApi,
  knitId: string,
  paths: readonly string[],
  ctx: Context,
): Promise<string[] | undefined> {
  const missing: string[] = []
  for (const path of paths) {
    try {
      await pipeline(await client.file(knitId, path, ctx), ctx.stdout, { end: false })
    } catch (error) {
      if (isUnknownRoute(error)) return undefined
      if (!(error instanceof ApiError)) throw error
      if (error.code === 'not-a-file') throw noFile(knitId, path, error.message)
      if (error.code !== 'file-not-found') throw error
      missing.push(path)
    }
  }
  return missing
}

/** Prints files as they come in the archive of the data; gives back those that do not. */
async function printFound(
  client: KnitApi,
  knitId: string,
  paths: readonly string[],
  ctx: Context,
): Promise<string[]> {
  const wanted = new Set(paths)
  const archive = await client.pull(knitId, { ...ctx, zstd: true })
  for await (const entry of entriesOf(archive, ctx)) {
    if (!wanted.delete(entry.path)) continue
    if (entry.type !== 'file') throw noFileOf(knitId, entry)
    await pipeline(entry.pieces(), ctx.stdout, { end: false })
    // What follows need not come; so the checksum at its end is not seen either.
    if (wanted.size === 0) break
  }
  return [...wanted]
}

const noFile = (knitId: string, path: string, why: string): Failure =>
  new Failure(why, shellLine(['knit', 'data', 'ls', knitId, path]))

function noFileOf(knitId: string, { path, type, target }: ArchiveEntry): Failure {
  if (type === 'directory') return noFile(knitId, path, `${path} is a directory`)
  return new Failure(`${path} is a ${type} to ${target}`, `knit data ls ${knitId} --output table`)
}
