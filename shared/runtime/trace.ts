import { randomUUID } from 'node:crypto'
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

// Of a UUID, as Node draws those in advance, many at a time.
const randomHex = (bytes: number): string =>
  randomUUID()
    .replaceAll('-', '')
    .slice(0, 2 * bytes)
