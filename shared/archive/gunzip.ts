import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { ArchiveError } from './archive-error.ts'

// Below this the ratio says nothing: a small file of zeros is no bomb.
const RATIO_COUNTS_FROM = 64 * 1024 * 1024

/** The content of a gzip stream of one or more members; refuses anything else, before or behind it. */
export async function* gunzip(
  stream: Readable,
  { maxRatio, signal }: { maxRatio: number; signal?: AbortSignal },
): AsyncGenerator<Buffer> {
  const seen = { head: Buffer.alloc(0), bytes: 0 }
  // 256 KiB: twice as fast as the default of 16 KiB, and 1 MiB gains little more.
  const content = createGunzip({ chunkSize: 256 * 1024 })
  const feeding = pipeline(stream, (source) => watch(source, seen), content, { signal })
  // Its failure also ends `content`, and is thrown from there.
  feeding.catch(() => {})
  let unpacked = 0
  try {
    for await (const chunk of content) {
      unpacked += chunk.length
      if (unpacked > RATIO_COUNTS_FROM && unpacked > maxRatio * seen.bytes) throw bomb(maxRatio)
      yield chunk
    }
    await feeding
  } catch (error) {
    throw explained(error, seen.head)
  }
  // Zeros behind the last member are passed over by zlib.
  if (seen.bytes !== content.bytesWritten) throw broken('something was put behind its end')
}

async function* watch(source: AsyncIterable<Buffer>, seen: { head: Buffer; bytes: number }) {
  for await (const chunk of source) {
    if (seen.head.length < 2) seen.head = Buffer.concat([seen.head, chunk.subarray(0, 2)])
    seen.bytes += chunk.length
    yield chunk
  }
}

function explained(error: unknown, head: Buffer): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'Z_BUF_ERROR') {
    const message = 'The archive ends too early. The transfer was cut off; send it again.'
    return new ArchiveError('truncated', message, { cause: error })
  }
  if (code !== 'Z_DATA_ERROR') return error
  if (head[0] === 0x1f && head[1] === 0x8b) {
    return broken('its compressed bytes are damaged, or something was put behind its end', error)
  }
  const message = 'The archive is not compressed with gzip. Send a .tar.gz.'
  return new ArchiveError('not-gzip', message, { cause: error })
}

function broken(why: string, cause?: unknown): ArchiveError {
  const message = `The archive is refused: ${why}. Pack it again and resend it.`
  return new ArchiveError('damaged', message, { cause })
}

function bomb(maxRatio: number): ArchiveError {
  return new ArchiveError(
    'too-large',
    `The archive unpacks to more than ${maxRatio} times its size (cap maxRatio). Compress it less.`,
  )
}
