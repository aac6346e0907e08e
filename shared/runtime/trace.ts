import { randomFillSync } from 'node:crypto'
import { parseTraceparent } from '#shared/contracts/trace.ts'

/**
 * The `traceparent` of a span that follows `parent` (W3C Trace Context). A parent that is absent or malformed begins a
 * new trace, and a share of those, between 0 and 1, is to be recorded.
 */
export function followTrace(parent: string | undefined, share = 1): string {
  const known = parseTraceparent(parent)
  const flags = known?.flags ?? (Math.random() < share ? '01' : '00')
  return `00-${known?.trace ?? randomHex(16)}-${randomHex(8)}-${flags}`
}

export const traceId = (traceparent: string): string => traceparent.slice(3, 35)

/** Whether a trace is to be recorded, as who began it has decided. */
export const isSampled = (traceparent: string): boolean =>
  (Number.parseInt(traceparent.slice(-2), 16) & 1) === 1

// They are drawn many at a time.
const drawn = Buffer.alloc(4096)
let used = drawn.length

function randomHex(bytes: number): string {
  if (used + bytes > drawn.length) {
    randomFillSync(drawn)
    used = 0
  }
  used += bytes
  return drawn.toString('hex', used - bytes, used)
}
