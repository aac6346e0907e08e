import { BLOCK, checksum, padding } from './tar-block.ts'

// Our own, as tar-stream makes headers for nobody but its own streams: through those each content goes once more.

/** What a header says of an entry; times are whole seconds, as many as fit into 31 bits. */
export type TarHeader = {
  name: string
  type: 'file' | 'symlink' | 'directory'
  mode: number
  mtime: number
  size: number
  /** Of links. */
  target?: string | undefined
}

type Block = Omit<TarHeader, 'type' | 'target'> & { flag: string; target: string; prefix: string }

const FLAGS: Record<TarHeader['type'], string> = { file: '0', symlink: '2', directory: '5' }
const MOST_NAME = 100
const MOST_PREFIX = 155
// Of a size, in octal digits; a larger one is written as GNU tar does.
const MOST_DIGITS = 11

/**
 * What stands before the content of an entry: a header of USTAR, and before it one of PAX where its names are too long for that, or not
 * of ASCII. It says nobody's name, and is the same bytes for the same entry.
 */
export function tarHeader({ type, target = '', ...header }: TarHeader): Buffer {
  const place = placeOf(header.name)
  const flag = FLAGS[type]
  if (place && Buffer.byteLength(target) <= MOST_NAME)
    return blockOf({ ...header, ...place, flag, target })
  const records = Buffer.from(
    recordOf('path', header.name) + (target && recordOf('linkpath', target)),
  )
  const name = 'PaxHeader'
  const elsewhere = { ...header, name, prefix: '', target: target && name }
  return Buffer.concat([
    blockOf({ ...elsewhere, flag: 'x', size: records.length }),
    records,
    Buffer.alloc(padding(records.length)),
    blockOf({ ...elsewhere, flag }),
  ])
}

/** Where a name goes, which may be cut in two at a slash; undefined when it fits nowhere. */
function placeOf(name: string): { name: string; prefix: string } | undefined {
  if (Buffer.byteLength(name) !== name.length) return undefined
  const cut = name.length > MOST_NAME ? name.indexOf('/', name.length - MOST_NAME - 1) : 0
  if (cut < 0 || cut > MOST_PREFIX) return undefined
  return cut === 0
    ? { name, prefix: '' }
    : { name: name.slice(cut + 1), prefix: name.slice(0, cut) }
}

function blockOf({ name, prefix, flag, target, mode, mtime, size }: Block): Buffer {
  const block = Buffer.alloc(BLOCK)
  const put = (at: number, text: string) => block.write(text, at)
  put(0, name)
  put(100, octal(mode, 6))
  // Of its owner and its group.
  put(108, octal(0, 6))
  put(116, octal(0, 6))
  if (size < 8 ** MOST_DIGITS) put(124, octal(size, MOST_DIGITS))
  else binary(size).copy(block, 124)
  put(136, octal(mtime, 11))
  put(156, flag)
  put(157, target)
  put(257, 'ustar\x0000')
  // Of devices.
  put(329, octal(0, 6))
  put(337, octal(0, 6))
  put(345, prefix)
  put(148, octal(checksum(block), 6))
  return block
}

/** The way of GNU tar to write large numbers: the high bit, then the number. */
function binary(value: number): Buffer {
  const bytes = Buffer.alloc(12)
  bytes.writeBigUInt64BE(BigInt(value), 4)
  bytes[0] = 0x80
  return bytes
}

const octal = (value: number, digits: number): string =>
  `${value.toString(8).padStart(digits, '0')} `

/** `<length> <key>=<value>\n`, where the length counts the whole record. */
function recordOf(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`
  const bytes = Buffer.byteLength(rest)
  const digits = `${bytes + `${bytes}`.length}`.length
  return `${bytes + digits}${rest}`
}
