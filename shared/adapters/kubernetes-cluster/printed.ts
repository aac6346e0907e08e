/** A place in a log: the latest stamp before it, and how many bytes were printed since the first line of that stamp began. */
export type Place = { stamp: string; bytes: number }

export const beginning: Place = { stamp: '', bytes: 0 }

/** What a program has printed since a place, and the place after each piece, of a log whose lines bear stamps; what bears none is refused. */
export async function* printed(
  log: AsyncIterable<Buffer>,
  { stamp, bytes }: Place,
): AsyncGenerator<{ bytes: Buffer; place: Place }> {
  const reader: Reader = { stamp, bytes, skip: Infinity, isInLine: false }
  let held: Buffer = Buffer.alloc(0)
  for await (const piece of log) {
    const raw = Buffer.concat([held, piece])
    const { read, length } = takeOffStamps(raw, reader)
    if (length > 0)
      yield {
        bytes: raw.subarray(0, length),
        place: { stamp: reader.stamp, bytes: reader.bytes },
      }
    held = raw.subarray(read)
    if (held.length > longestStamp || held.includes(space)) throw noLog(held)
  }
  if (held.length > 0) throw noLog(held)
}

type Reader = Place & {
  /** How many bytes to leave out: all, until a line bears the stamp of the place or a later one. */
  skip: number
  isInLine: boolean
}

const space = 0x20
const newline = 0x0a

/** Moves what is to be passed on to the front, and reads as far as there are whole stamps. */
function takeOffStamps(raw: Buffer, reader: Reader): { read: number; length: number } {
  let read = 0
  let length = 0
  while (read < raw.length) {
    if (!reader.isInLine) {
      const gap = raw.indexOf(space, read)
      const stamp = stampOf(raw.toString('latin1', read, Math.min(gap, read + longestStamp + 1)))
      if (!stamp) break
      beginLine(reader, stamp)
      read = gap + 1
    }
    const last = raw.indexOf(newline, read)
    const end = last < 0 ? raw.length : last + 1
    const skipped = Math.min(reader.skip, end - read)
    const fresh = end - read - skipped
    raw.copyWithin(length, end - fresh, end)
    length += fresh
    reader.bytes += fresh
    reader.skip -= skipped
    reader.isInLine = last < 0
    read = end
  }
  return { read, length }
}

/** Lines of two streams are not always in the order of their stamps: one that is late counts as of the latest before it. */
function beginLine(reader: Reader, stamp: string): void {
  if (stamp > reader.stamp) Object.assign(reader, { stamp, bytes: 0, skip: 0 })
  else if (stamp === reader.stamp && reader.skip === Infinity) reader.skip = reader.bytes
}

const form = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/
const longestStamp = '2026-11-22T01:02:03.123456789+09:00'.length

/** A stamp so that the later is the greater, whatever its time zone, which is that of the node, and the number of its digits. */
function stampOf(text: string): string | undefined {
  const [, second = '', fraction = '', zone = ''] = form.exec(text) ?? []
  const milliseconds = Date.parse(second + zone)
  if (Number.isNaN(milliseconds)) return undefined
  return String(milliseconds).padStart(13, '0') + fraction.padEnd(9, '0')
}

const noLog = (held: Buffer) =>
  new Error(`the log broke off; instead of its next line came: ${held.toString('utf8', 0, 300)}`)
