import { createWriteStream, lstatSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { unpack } from '#shared/archive/unpack.ts'
import type { KnitApi } from '#shared/client/connect.ts'
import type { Download } from '#shared/client/transfers.ts'
import { data } from '#shared/contracts/data.ts'
import { LocalPath } from '#shared/domain/local-path.ts'
import { makeFolder } from '#shared/files/make-folder.ts'
import { api } from '../../api.ts'
import { toggle } from '../../arg.ts'
import { positional } from '../../args.ts'
import { command } from '../../command.ts'
import type { Context } from '../../context.ts'
import { Failure, first, UsageError } from '../../failure.ts'
import { FileBytes } from '../../file-bytes.ts'
import { findData } from '../../find-data.ts'
import { note } from '../../output.ts'
import { counted, progress } from '../../progress.ts'

export default command({
  about: 'Download data, as an archive or unpacked.',
  examples: ['knit data pull KNIT_ID results --extract', 'knit data pull KNIT_ID - | tar tz'],
  args: {
    // It becomes a file name too: its schema lets nothing but an id pass.
    knitId: positional(data.pull.params.shape.knitId),
    dest: positional(
      LocalPath.default('.').describe('Directory it goes to; - writes the archive to stdout.'),
    ),
    extract: toggle('Unpack into DEST/KNIT_ID/ instead of keeping the archive.', { short: 'x' }),
  },
  async run({ knitId, dest, extract }, ctx) {
    if (dest === '-' && extract) throw new UsageError('a tree cannot be extracted to stdout')
    const dir = resolve(ctx.cwd, dest.replace(/^~(?=\/|$)/, ctx.home))
    const path = join(dir, extract ? knitId : `${knitId}.tar.gz`)
    if (extract && lstatSync(path, { throwIfNoEntry: false }))
      throw new Failure(`${path} is there already`, first('remove it, or choose another directory'))

    const client = api(ctx)
    const isShown = ctx.stderr.isTTY && !ctx.flags.quiet && dest !== '-'
    const total = isShown ? await sizeOf(knitId, client, ctx) : undefined
    const archive = await client.pull(knitId, { ...ctx, zstd: extract })
    if (dest === '-') return pipeline(archive, ctx.stdout, { end: false })
    await receive(archive, { dir, path, extract, total }, ctx)
    note(ctx, `saved as ${path}`)
  },
})

/** Bytes of all files of data, as far as the server says. */
async function sizeOf(knitId: string, client: KnitApi, ctx: Context): Promise<number | undefined> {
  const found = await findData(client, knitId, ctx)
  return found?.content?.bytes
}

type Target = { dir: string; path: string; extract: boolean; total: number | undefined }

/** What comes is kept aside until it is complete and its checksum right, and only then gets its name. */
async function receive(
  archive: Download,
  { dir, path, extract, total }: Target,
  ctx: Context,
): Promise<void> {
  makeFolder(dir)
  const aside = await mkdtemp(join(dir, '.knit-pull-'))
  const part = join(aside, 'part')
  try {
    if (extract) await unpackInto(part, archive, total, ctx)
    else await keepAs(part, archive, { path, total }, ctx)
    await rename(part, path)
  } finally {
    await rm(aside, { recursive: true, force: true })
  }
}

/** As it is; what is in it is only counted, beside. */
async function keepAs(
  file: string,
  archive: Download,
  { path, total }: Pick<Target, 'path' | 'total'>,
  ctx: Context,
): Promise<void> {
  using gauge = total === undefined ? undefined : new FileBytes(total)
  await pipeline(counted(archive, path, ctx, gauge), createWriteStream(file), ctx)
}

async function unpackInto(
  dir: string,
  archive: Download,
  total: number | undefined,
  ctx: Context,
): Promise<void> {
  const bar = progress(ctx, () => total)
  try {
    await mkdir(dir)
    const { digest } = await unpack(archive, dir, { signal: ctx.signal, onProgress: bar.update })
    if (digest !== (archive.digest ?? digest)) throw notAsStored(archive.digest, digest)
  } finally {
    bar.end()
  }
}

/** The line is not to blame: that has a checksum of its own. */
const notAsStored = (stored: string | undefined, found: string): Failure =>
  new Failure(
    `what the server keeps is not what was stored: its digest is ${found}, not ${stored}`,
    first('have an administrator look at the volume of the data'),
  )
