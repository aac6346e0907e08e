import { addAbortSignal, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ArchiveLimits } from '#shared/domain/archive-limits.ts'
import { ArchiveError } from './archive-error.ts'
import { codingOf, decompressor, highestRatio } from './coding.ts'

// A small file of zeros is no bomb.
const RATIO_FROM = 64 * 1024 * 1024
const MAGIC = 4

type Limits = Pick<ArchiveLimits, 'maxArchiveRatio' | 'archiveRatioFrom'>
type Options = Limits & { signal?: AbortSignal }

/** The content of a stream of one or more gzip members, or of one zstd frame; refuses anything else, before or behind it. */
export async function* decompress(
  stream: Readable,
  { signal, ...limits }: Options,
): AsyncGenerator<Buffer> {
  if (signal) addAbortSignal(signal, stream)
  try {
    yield* contentOf(stream, limits)
  } finally {
    // Who stops early wants no more of it; one that has ended is left as it is.
    if (!stream.readableEnded) stream.destroy()
  }
}

async function* contentOf(
  stream: Readable,
  { maxArchiveRatio, archiveRatioFrom = RATIO_FROM }: Limits,
) {
  const chunks: AsyncIterator<Buffer> = stream[Symbol.asyncIterator]()
  const head = await headOf(chunks)
  const coding = codingOf(head) ?? (head.length < MAGIC ? 'gzip' : undefined)
  if (!coding) throw neither()
  const seen = { bytes: 0 }
  const content = decompressor(coding)
  const feeding = pipeline(watch(head, chunks, seen), content)
  // Its failure also ends `content`, and is thrown from there.
  feeding.catch(() => {})
  const most = maxArchiveRatio ?? highestRatio[coding]
  let unpacked = 0
  try {
    for await (const chunk of content) {
      unpacked += chunk.length
      if (unpacked > archiveRatioFrom && unpacked > most * seen.bytes) throw bomb(most)
      yield chunk
    }
    await feeding
  } catch (error) {
    throw explained(error, head)
  }
  // Zeros behind the last member are passed over by zlib.
  if (seen.bytes !== content.bytesWritten) throw broken('something was put behind its end')
}

/** As many chunks as tell how they are compressed. */
async function headOf(chunks: AsyncIterator<Buffer>): Promise<Buffer> {
  let head = Buffer.alloc(0)
  while (head.length < MAGIC) {
    const next = await chunks.next()
    if (next.done) break
    head = Buffer.concat([head, next.value])
  }
  return head
}

async function* watch(head: Buffer, chunks: AsyncIterator<Buffer>, seen: { bytes: number }) {
  seen.bytes += head.length
  yield head
  for await (const chunk of { [Symbol.asyncIterator]: () => chunks }) {
    seen.bytes += chunk.length
    yield chunk
  }
}

function explained(error: unknown, head: Buffer): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === 'Z_BUF_ERROR') {
    const message = 'The archive ends too early. The transfer was cut off; send it again.'
    return new ArchiveError('truncated', message, { cause: error })
  }
  if (code === 'ZSTD_error_frameParameter_windowTooLarge') return tooWide(error)
  if (code !== 'Z_DATA_ERROR' && !code.startsWith('ZSTD_error_')) return error
  if (!codingOf(head)) return neither(error)
  return broken('its compressed bytes are damaged, or something was put behind its end', error)
}

function neither(cause?: unknown): ArchiveError {
  const message = 'The archive is not compressed with gzip or zstd. Send a .tar.gz.'
  return new ArchiveError('not-gzip', message, { cause })
}

function broken(why: string, cause?: unknown): ArchiveError {
  const message = `The archive is refused: ${why}. Pack it again and resend it.`
  return new ArchiveError('damaged', message, { cause })
}

function tooWide(cause: unknown): ArchiveError {
  const message =
    'The archive needs more than 8 MiB of memory to be unpacked. Compress it without --long or --ultra.'
  return new ArchiveError('too-large', message, { cause })
}

function bomb(most: number): ArchiveError {
  return new ArchiveError(
    'too-large',
    `The archive unpacks to more than ${most} times its size, which is the limit (maxArchiveRatio). Compress it less.`,
  )
}
