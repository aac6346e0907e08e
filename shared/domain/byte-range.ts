/** Some bytes of a file: those from one on, up to and with another if there is one; or so many of the last. */
export type ByteRange = { from: number; to?: number | undefined } | { last: number }

/** Where some bytes are in a file of so many. */
export type FileBytes = { size: number; from: number; bytes: number }

/** The one range that a `Range` header names. Undefined for what names none, or more than one: then all is meant. */
export function parseRange(header: string | null | undefined): ByteRange | undefined {
  const [, from, to = '', last] =
    /^bytes=(?:(\d{1,16})-(\d{0,16})|-(\d{1,16}))$/.exec(header ?? '') ?? []
  if (last !== undefined) return { last: Number(last) }
  if (from === undefined || (to !== '' && Number(to) < Number(from))) return undefined
  return { from: Number(from), ...(to !== '' && { to: Number(to) }) }
}

/** What `parseRange` reads. */
export const formatRange = (range: ByteRange): string =>
  'last' in range ? `bytes=-${range.last}` : `bytes=${range.from}-${range.to ?? ''}`

/** The bytes of a range, or all, of a file of that size; undefined when it has none of them. */
export function bytesOf(range: ByteRange | undefined, size: number): FileBytes | undefined {
  if (!range) return { size, from: 0, bytes: size }
  if ('last' in range) {
    const bytes = Math.min(range.last, size)
    return range.last === 0 ? undefined : { size, from: size - bytes, bytes }
  }
  const { from, to = Infinity } = range
  return from < size ? { size, from, bytes: Math.min(to + 1, size) - from } : undefined
}
