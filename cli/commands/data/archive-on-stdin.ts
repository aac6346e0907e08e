import { addAbortSignal, pipeline, Readable } from 'node:stream'
import { ByteSource } from '#shared/archive/byte-source.ts'
import { codingOf, compressor } from '#shared/archive/coding.ts'
import type { Context } from '../../context.ts'

// As many bytes as tell how something is compressed.
const magic = 4

/** The tar archive that comes on stdin as every server takes it: compressed with gzip, which is done here unless it was before. */
export async function archiveOnStdin({ stdin, signal }: Context): Promise<Readable> {
  const bytes = new ByteSource(addAbortSignal(signal, stdin()))
  const head = await bytes.take(magic)
  const whole = Readable.from(all(head, bytes), { objectMode: false })
  return codingOf(head) === 'gzip' ? whole : compressed(whole)
}

async function* all(head: Buffer, rest: ByteSource): AsyncGenerator<Buffer> {
  yield head
  for (let piece = await rest.any(); piece !== undefined; piece = await rest.any()) yield piece
}

function compressed(plain: Readable): Readable {
  const archive = compressor('gzip')
  // An error on the way destroys it, and its reader is the one to be told.
  pipeline(plain, archive, () => {})
  return archive
}
