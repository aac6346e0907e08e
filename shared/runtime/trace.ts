import { randomBytes } from 'node:crypto'
import { parseTraceparent } from '#shared/contracts/trace.ts'

/**
 * The `traceparent` of a span that follows `parent` (W3C Trace Context). A parent that is absent or malformed begins a
 * new trace.
 */
export function followTrace(parent: string | undefined): string {
  const known = parseTraceparent(parent)
  return `00-${known?.trace ?? randomHex(16)}-${randomHex(8)}-${known?.flags ?? '01'}`
}

export const traceId = (traceparent: string): string => traceparent.slice(3, 35)

const randomHex = (bytes: number): string => randomBytes(bytes).toString('hex')
