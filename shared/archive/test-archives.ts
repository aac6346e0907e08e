import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'

export type RawHeader = {
  name: string | Buffer
  type?: string
  mode?: number
  target?: string
  prefix?: string
  magic?: string
  /** When it is to differ from the length of the content. */
  size?: number | string
}

/** One entry, byte by byte, with nothing checked. */
export function entry(header: RawHeader, content: Buffer | string = ''): Buffer {
  const { name, type = '0', mode = 0o644, target = '', prefix = '', magic = 'ustar\x0000' } = header
  const body = Buffer.from(content)
  const { size = body.length } = header
  const block = Buffer.alloc(512)
  Buffer.from(name).copy(block, 0, 0, 100)
  block.write(`${mode.toString(8).padStart(7, '0')}\0`, 100)
  block.write('0000000\x000000000\0', 108)
  block.write(typeof size === 'string' ? size : `${size.toString(8).padStart(11, '0')}\0`, 124)
  block.write('00000000000\0        ', 136)
  block.write(type, 156)
  block.write(target, 157, 100)
  block.write(magic, 257, 'latin1')
  block.write(prefix, 345, 155)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return Buffer.concat([block, body, Buffer.alloc((512 - (body.length % 512)) % 512)])
}

/** A PAX header for the next entry. */
export function pax(records: [key: string, value: string][], type = 'x'): Buffer {
  const text = records.map(([key, value]) => paxRecord(` ${key}=${value}\n`)).join('')
  return entry({ name: 'PaxHeader', type }, text)
}

function paxRecord(rest: string): string {
  const length = Buffer.byteLength(rest)
  const digits = String(length + String(length).length).length
  return `${length + digits}${rest}`
}

/** A GNU header with the name (`L`) or the target (`K`) of the next entry. */
export function gnuLong(type: 'L' | 'K', text: string): Buffer {
  return entry({ name: '././@LongLink', type, magic: 'ustar  \0' }, `${text}\0`)
}

export const END = Buffer.alloc(1024)

/** A whole archive of these entries, as bytes. */
export function tgz(...entries: Buffer[]): Buffer {
  return gzipSync(Buffer.concat([...entries, END]))
}

export function streamOf(...chunks: Buffer[]): Readable {
  return Readable.from(chunks, { objectMode: false })
}
