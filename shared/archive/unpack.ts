import { readdir, realpath, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { ArchiveLimits } from '#shared/domain/archive-limits.ts'
import type { Measure } from '#shared/domain/worker.ts'
import { ArchiveError, quoted } from './archive-error.ts'
import { decompress } from './decompress.ts'
import { LOST_AND_FOUND } from './entry-name.ts'
import { Extraction } from './extraction.ts'
import { flush } from './flush.ts'
import { measure } from './measure.ts'
import { readTar } from './tar-reader.ts'

export type UnpackOptions = ArchiveLimits & {
  /** Names in a path. */
  maxDepth?: number
  onProgress?: (progress: { bytes: number; path: string }) => void
  signal?: AbortSignal
}

const DEFAULTS = { maxDataEntries: Infinity, maxDataBytes: Infinity, maxDepth: 64 }

/**
 * Unpacks a compressed tar stream into an existing, empty directory and returns when all is on disk. On any failure the
 * directory is left empty and the stream destroyed; throws `ArchiveError` for what is wrong with the archive.
 */
export async function unpack(
  stream: Readable,
  dir: string,
  options: UnpackOptions = {},
): Promise<Measure> {
  try {
    await requireEmpty(dir)
  } catch (error) {
    stream.destroy()
    throw error
  }
  try {
    const measured = await extract(stream, await realpath(dir), { ...DEFAULTS, ...options })
    await flush(dir, measured.files)
    options.signal?.throwIfAborted()
    return measured
  } catch (error) {
    await empty(dir).catch((failure) => {
      throw new AggregateError([error, failure], `${dir} holds a part of an archive: ${failure}`, {
        cause: error,
      })
    })
    throw error
  }
}

async function extract(
  stream: Readable,
  root: string,
  options: UnpackOptions & typeof DEFAULTS,
): Promise<Measure> {
  const extraction = new Extraction(root, options)
  try {
    for await (const entry of readTar(decompress(stream, options))) await extraction.add(entry)
  } finally {
    // Nothing may still be written when the directory is emptied.
    await extraction.settle()
  }
  await extraction.finish()
  return extraction.measured() ?? measure(root)
}

async function requireEmpty(dir: string): Promise<void> {
  const names = await readdir(dir)
  const found = names.find((name) => name !== LOST_AND_FOUND)
  if (found === undefined) return
  const message = `There is something already, ${quoted(found)}. Unpack into an empty directory.`
  throw new ArchiveError('not-empty', message)
}

async function empty(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    if (name !== LOST_AND_FOUND) await rm(join(dir, name), { recursive: true, force: true })
  }
}
