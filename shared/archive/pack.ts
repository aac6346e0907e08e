import { createHash, hash } from 'node:crypto'
import { addAbortSignal, pipeline, type Readable } from 'node:stream'
import { pipeline as finished } from 'node:stream/promises'
import { pack as tarStream, type Pack } from 'tar-stream'
import type { Coding } from '#shared/domain/archive-type.ts'
import type { Measure } from '#shared/domain/worker.ts'
import { compressor } from './coding.ts'
import { TreeMeasure } from './measure.ts'
import { contentOf, walk, type Found, type FoundFile, type WalkOptions } from './walk.ts'

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

type Told = Pick<PackOptions, 'onProgress' | 'onMeasured'>
type Header = Parameters<Pack['entry']>[0]

const CHUNK = 256 * 1024
// What a header can say: tar-stream garbles earlier and later times.
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
  // An error on the way destroys `packed`, whose reader is the one to be told.
  pipeline(tarOf(walk(dir, options), { onProgress, onMeasured }), packed, () => {})
  return packed
}

async function* tarOf(tree: AsyncIterable<Found>, told: Told) {
  const tar = tarStream({ highWaterMark: CHUNK })
  fill(tar, tree, told).catch((error) => tar.destroy(error))
  yield* inChunks(tar)
}

async function fill(tar: Pack, tree: AsyncIterable<Found>, { onProgress, onMeasured }: Told) {
  const measured = new TreeMeasure()
  let bytes = 0
  for await (const found of tree) {
    const before = bytes
    const onPacked = (packed: number) => {
      bytes = before + packed
      onProgress?.({ bytes, path: found.path })
    }
    const sha256 = await add(tar, found, { onPacked, isMeasured: onMeasured !== undefined })
    if (onMeasured) measured.add(found, sha256)
  }
  const all = measured.result()
  if (all) onMeasured?.(all)
  tar.finalize()
}

type Adding = { onPacked: (bytes: number) => void; isMeasured: boolean }

/** Gives back the SHA-256 of the content of a file that is measured. */
async function add(tar: Pack, found: Found, adding: Adding): Promise<string | undefined> {
  if (found.kind === 'directory' && !found.empty) return undefined
  const header = headerOf(found)
  if (found.kind !== 'file') {
    await written((done) => tar.entry(header, done))
    return undefined
  }
  const { content } = found
  if (!content) return addLarge(tar, found, header, adding)
  await written((done) => tar.entry(header, content, done))
  adding.onPacked(content.length)
  return adding.isMeasured ? hash('sha256', content) : undefined
}

async function addLarge(
  tar: Pack,
  file: FoundFile,
  header: Header,
  { onPacked, isMeasured }: Adding,
): Promise<string | undefined> {
  const content = isMeasured ? createHash('sha256') : undefined
  const counted = async function* () {
    let packed = 0
    for await (const piece of contentOf(file)) {
      content?.update(piece)
      yield piece
      packed += piece.length
      onPacked(packed)
    }
  }
  const sink = tar.entry(header) as unknown as NodeJS.WritableStream
  await finished(counted, sink)
  return content?.digest('hex')
}

function headerOf(found: Found): Header {
  const seconds = Math.floor(found.stats.mtimeMs / 1000)
  return {
    name: found.kind === 'directory' ? `${found.path}/` : found.path,
    type: found.kind,
    // tar-stream takes no permissions at all to mean the usual ones.
    mode: found.stats.mode & 0o777 || 0o400,
    mtime: new Date(Math.min(Math.max(seconds, 0), LAST_TIME) * 1000),
    size: found.kind === 'file' ? found.stats.size : 0,
    linkname: found.kind === 'symlink' ? found.target : undefined,
    uid: 0,
    gid: 0,
  }
}

function written(write: (done: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    write((error) => (error ? reject(error) : resolve()))
  })
}

/**
 * Gathers small pieces: each one given to zlib costs a turn through the thread pool, three for every small file. All but the last are
 * exactly as long, whatever they are made of: what zstd makes of bytes depends on how they are given to it. All lie in the same memory,
 * one after another: a chunk is more than the compressor lets wait, so who asks for the next has no more use for the last.
 */
async function* inChunks(tar: Pack): AsyncGenerator<Buffer> {
  const chunk = Buffer.allocUnsafe(CHUNK)
  let filled = 0
  for await (const piece of tar as AsyncIterable<Buffer>) {
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
