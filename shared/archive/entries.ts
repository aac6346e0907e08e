import type { Readable } from 'node:stream'
import { decompress } from './decompress.ts'
import { entryPath, refuse } from './entry-name.ts'
import { readTar, type TarEntry } from './tar-reader.ts'

/** `path` is where the entry would be unpacked to, relative to the root. */
export type ArchiveEntry = TarEntry & { path: string }

type Options = { maxDepth?: number; signal?: AbortSignal }

/**
 * The entries of a compressed tar stream as they come; nothing is written anywhere. Names that `unpack` refuses are refused. Who has seen
 * enough stops: the stream is destroyed then, and what would follow is not read.
 */
export async function* entriesOf(
  stream: Readable,
  { maxDepth = 64, ...options }: Options = {},
): AsyncGenerator<ArchiveEntry> {
  for await (const entry of readTar(decompress(stream, options))) {
    const path = entryPath(entry.name, maxDepth)
    if (path !== '') yield { ...entry, path }
    else if (entry.type !== 'directory') refuse(entry.name, `it is a ${entry.type} without a name`)
  }
}
