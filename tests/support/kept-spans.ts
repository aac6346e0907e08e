import type { EndedSpan } from '#shared/ports/tracer.ts'
import { createTracer } from '#shared/runtime/tracer.ts'

/** A tracer that keeps what has ended. */
export function keptSpans() {
  const spans: EndedSpan[] = []
  const tracer = createTracer({ take: (span) => void spans.push(span), close: async () => {} })
  return { tracer, spans }
}
