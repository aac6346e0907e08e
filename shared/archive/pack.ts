import { createHash, type Hash } from 'node:crypto'
import { addAbortSignal, pipeline, type Readable } from 'node:stream'
import type { Coding } from '#shared/domain/archive-type.ts'
import type { Measure } from '#shared/domain/worker.ts'
import { compressor } from './coding.ts'
import { TreeMeasure } from './measure.ts'
import { BLOCK, padding } from './tar-block.ts'
import { tarHeader } from './tar-header.ts'
import { contentOf, walk, type Found, type Room, type WalkOptions } from './walk.ts'

export type PackOptions = WalkOptions & {
  /** How it is compressed; gzip, unless given. */
  coding?: Coding | undefined
  /** Of gzip, 1 to 9. */
  level?: number
  /** Called after each file with the bytes of content packed so far, and within large ones. */
  onProgress?: (progress: { bytes: number; path: string }) => void
  /** Called before the archive ends with what was packed, as `measure` would find it. It is only measured where this is given. */
  onMeasured?: (measured: Measure) => void
  signal?: AbortSignal
}

const CHUNK = 256 * 1024
const ZEROS = Buffer.alloc(2 * BLOCK)
// A header has room for no later time.
const LAST_TIME = 0x7fffffff

/**
 * A directory, or a single file, as a compressed tar stream: the same tree gives the same entries in the same order. Only empty
 * directories get an entry. The stream is destroyed with an error when something cannot be packed.
 */
export function pack(
  dir: string,
  { coding = 'gzip', level, signal, onProgress, onMeasured, ...options }: PackOptions = {},
): Readable {
  const packed = compressor(coding, level)
  if (signal) addAbortSignal(signal, packed)
  const tar = tarOf(walk(dir, options), { onProgress, onMeasured })
  // An error on the way destroys `packed`, whose reader is the one to be told.
  pipeline(inChunks(tar), packed, () => {})
  return packed
}

/** A tar stream in pieces, each of which is there only until the next is asked for. */
async function* tarOf(
  tree: AsyncIterable<Found>,
  { onProgress, onMeasured }: Pick<PackOptions, 'onProgress' | 'onMeasured'>,
): AsyncGenerator<Buffer> {
  const measured = new TreeMeasure()
  const room: Room = {}
  let bytes = 0
  for await (const found of tree) {
    if (found.kind !== 'directory' || found.empty) yield headerOf(found)
    let sha256: Hash | undefined
    if (found.kind === 'file') {
      if (onMeasured) sha256 = createHash('sha256')
      for await (const piece of contentOf(found, { room })) {
        sha256?.update(piece)
        yield piece
        bytes += piece.length
        onProgress?.({ bytes, path: found.path })
      }
      yield ZEROS.subarray(0, padding(found.stats.size))
    }
    if (onMeasured) measured.add(found, sha256?.digest('hex'))
  }
  const all = measured.result()
  if (all) onMeasured?.(all)
  yield ZEROS
}

function headerOf(found: Found): Buffer {
  const { kind, path, stats } = found
  const seconds = Math.floor(stats.mtimeMs / 1000)
  return tarHeader({
    name: kind === 'directory' ? `${path}/` : path,
    type: kind,
    // Some take no permissions at all to mean the usual ones.
    mode: stats.mode & 0o777 || 0o400,
    mtime: Math.min(Math.max(seconds, 0), LAST_TIME),
    size: kind === 'file' ? stats.size : 0,
    target: kind === 'symlink' ? found.target : undefined,
  })
}

/**
 * Gathers pieces: each one given to zlib costs a turn through the thread pool, three for every small file. All but the last are exactly as
 * long, whatever they are made of: what zstd makes of bytes depends on how they are given to it. All lie in the same memory, one after
 * another: a chunk is more than the compressor lets wait, so who asks for the next has no more use for the last.
 */
async function* inChunks(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const chunk = Buffer.allocUnsafe(CHUNK)
  let filled = 0
  for await (const piece of pieces) {
    for (let taken = 0; taken < piece.length;) {
      const copied = piece.copy(chunk, filled, taken)
      taken += copied
      filled += copied
      if (filled < CHUNK) continue
      yield chunk
      filled = 0
    }
  }
  yield chunk.subarray(0, filled)
}
