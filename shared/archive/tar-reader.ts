import { isUtf8 } from 'node:buffer'
import { ArchiveError, quoted } from './archive-error.ts'
import { ByteSource } from './byte-source.ts'
import { refuse } from './entry-name.ts'
import { BLOCK, checksum, padding } from './tar-block.ts'

// Our own reader rather than tar-stream's, which takes an archive cut between two entries for a whole one, reads on
// behind the end of the archive and makes names that are not UTF-8 up: all things an upload must be refused for.

export type TarEntry = {
  type: 'file' | 'hard link' | 'symlink' | 'directory'
  /** As it stands in the archive: unchecked. */
  name: string
  mode: number
  size: number
  /** Of links: unchecked. */
  target: string
  /** The whole content at once; for small files. */
  whole(): Promise<Buffer>
  /** The content piece by piece, as it comes. */
  pieces(): AsyncGenerator<Buffer>
}

const MAX_METADATA_BYTES = 1024 * 1024
const METADATA = 'xgLK'
const REFUSED_TYPES: Record<string, string> = {
  '3': 'a character device',
  '4': 'a block device',
  '6': 'a FIFO',
}
const TYPES: Record<string, TarEntry['type']> = {
  '\0': 'file',
  '0': 'file',
  '1': 'hard link',
  '2': 'symlink',
  '5': 'directory',
}

/** The entries of a tar stream (USTAR, PAX or GNU), one after another; content not read is skipped. */
export async function* readTar(chunks: AsyncIterable<Buffer>): AsyncGenerator<TarEntry> {
  const bytes = new ByteSource(chunks)
  try {
    let extra: Metadata = {}
    for (;;) {
      const block = await bytes.take(BLOCK)
      if (isZero(block)) break
      const header = parseHeader(block)
      if (METADATA.includes(header.typeFlag)) {
        extra = merge(extra, await readMetadata(header, bytes))
      } else {
        yield* readEntry(header, extra, bytes)
        extra = {}
      }
    }
    if (Object.keys(extra).length > 0) throw damaged('its last header describes no entry')
    await requireEnd(bytes)
  } finally {
    await bytes.close()
  }
}

async function* readEntry(header: Header, extra: Metadata, bytes: ByteSource) {
  const name = extra.path ?? header.name
  const type = TYPES[header.typeFlag]
  // As GNU has them; PAX has records for them.
  if (header.typeFlag === 'S') throw sparse()
  if (!type) {
    const what = REFUSED_TYPES[header.typeFlag] ?? `of the unknown type ${quoted(header.typeFlag)}`
    refuse(name, `it is ${what}; only files, directories and links are kept`)
  }
  const size = extra.size ?? header.size
  // Readers disagree whether bytes follow these; who wants both readings refused must refuse the entry.
  if (type !== 'file' && size > 0) refuse(name, `it is a ${type} that has content`)
  if (type === 'file' && name.endsWith('/')) refuse(name, 'it is a file named like a directory')

  let left = size
  async function* pieces() {
    while (left > 0) {
      const piece = await bytes.piece(left)
      left -= piece.length
      yield piece
    }
  }
  async function whole() {
    const content = await bytes.take(left)
    left = 0
    return content
  }
  const { mode } = header
  yield { type, name, mode, size, target: extra.linkpath ?? header.target, whole, pieces }
  for await (const _ of pieces()) continue
  await bytes.take(padding(size))
}

type Header = { name: string; target: string; typeFlag: string; mode: number; size: number }

function parseHeader(block: Buffer): Header {
  if (checksum(block) !== number(block, 148, 8)) {
    throw damaged('it is not a tar archive, or something was put behind its end')
  }
  const magic = latin1(block, 257, 263)
  if (magic !== 'ustar\0' && magic !== 'ustar ') throw damaged('its tar format is too old')
  // Only POSIX archives have a prefix; GNU keeps times in the same place.
  const prefix = magic === 'ustar\0' ? text(block, 345, 155) : ''
  const name = text(block, 0, 100)
  return {
    name: prefix ? `${prefix}/${name}` : name,
    target: text(block, 157, 100),
    typeFlag: latin1(block, 156, 157),
    mode: number(block, 100, 8),
    size: number(block, 124, 12),
  }
}

function number(block: Buffer, start: number, length: number): number {
  // GNU's way to write large numbers: the high bit, then the number in binary.
  if (block[start] === 0x80) {
    const value = BigInt(`0x${block.toString('hex', start + 1, start + length)}`)
    if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value)
  }
  const digits = latin1(block, start, start + length).replace(/[\0 ]+$/, '')
  if (!/^ *[0-7]*$/.test(digits)) throw damaged('a header holds something that is not a number')
  return Number.parseInt(digits, 8) || 0
}

function latin1(bytes: Buffer, start: number, end: number): string {
  return bytes.toString('latin1', start, end)
}

function text(block: Buffer, start: number, length: number): string {
  const end = block.indexOf(0, start)
  return utf8(block.subarray(start, end < 0 ? start + length : Math.min(end, start + length)))
}

function utf8(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString()
  return refuse(bytes.toString(), 'its name is not UTF-8')
}

/** What headers of their own say about the next entry. */
type Metadata = { path?: string; linkpath?: string; size?: number }

async function readMetadata(header: Header, bytes: ByteSource): Promise<Metadata> {
  if (header.size > MAX_METADATA_BYTES) throw damaged('a header is longer than 1 MiB')
  const content = await bytes.take(header.size)
  await bytes.take(padding(header.size))
  if (header.typeFlag === 'L') return { path: longName(content) }
  if (header.typeFlag === 'K') return { linkpath: longName(content) }
  const found = parsePax(content)
  if (header.typeFlag === 'x') return found
  if (Object.keys(found).length > 0) throw damaged('a global header names an entry')
  return {}
}

function longName(content: Buffer): string {
  return utf8(content.at(-1) === 0 ? content.subarray(0, -1) : content)
}

/** Records of the form `<length> <key>=<value>\n`, where the length counts the whole record. */
function parsePax(content: Buffer): Metadata {
  let found: Metadata = {}
  for (let start = 0; start < content.length;) {
    const space = content.indexOf(' ', start)
    const digits = latin1(content, start, Math.max(space, start))
    const end = start + Number(digits)
    const equals = content.indexOf('=', space)
    const wellFormed = /^[1-9]\d{0,6}$/.test(digits) && space < equals && equals < end
    if (!wellFormed || content[end - 1] !== 0x0a) throw damaged('a PAX header is malformed')
    const value = content.subarray(equals + 1, end - 1)
    found = merge(found, paxRecord(content.toString('utf8', space + 1, equals), value))
    start = end
  }
  return found
}

function paxRecord(key: string, value: Buffer): Metadata {
  if (key === 'path') return { path: utf8(value) }
  if (key === 'linkpath') return { linkpath: utf8(value) }
  if (key.startsWith('GNU.sparse.')) throw sparse()
  if (key !== 'size') return {}
  const size = Number(value.toString())
  if (!/^\d+$/.test(value.toString()) || !Number.isSafeInteger(size)) {
    throw damaged('a PAX header holds a size that is not a number')
  }
  return { size }
}

// Which of two names counts differs between readers, so there must be only one.
function merge(one: Metadata, other: Metadata): Metadata {
  const twice = Object.keys(other).find((key) => key in one)
  if (twice) throw damaged(`the ${twice} of an entry is given twice`)
  return { ...one, ...other }
}

async function requireEnd(bytes: ByteSource): Promise<void> {
  if (!isZero(await bytes.take(BLOCK))) throw damaged('its end is marked by one block, not by two')
  for (let rest = await bytes.any(); rest; rest = await bytes.any()) {
    if (!isZero(rest)) throw damaged('something was put behind its end')
  }
}

/** The same way of packing would lead to the same again. */
function sparse(): ArchiveError {
  return new ArchiveError(
    'bad-entry',
    'The archive is refused: it contains a sparse file without its holes. Pack it again without --sparse (bsdtar: with --no-read-sparse).',
  )
}

function damaged(why: string): ArchiveError {
  return new ArchiveError('damaged', `The archive is refused: ${why}. Pack it again and resend it.`)
}

function isZero(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0)
}
