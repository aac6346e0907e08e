import { parseTraceparent } from '#shared/contracts/trace.ts'
import type { Span, SpanOptions, SpanSink, Tracer } from '#shared/ports/tracer.ts'
import { followTrace, isSampled } from './trace.ts'

/** The tracer of a process: without a sink nothing is recorded, but traces go on all the same. */
export function createTracer(sink?: SpanSink, share = 1): Tracer {
  return {
    isOn: sink !== undefined,
    start: (name, options = {}) => startSpan(name, options, sink, share),
    close: async () => sink?.close(),
  }
}

const nothing = (): void => {}
const unrecorded = {
  isRecorded: false,
  note: nothing,
  need: nothing,
  fail: nothing,
  end: nothing,
}

function startSpan(
  name: string,
  { kind = 'internal', parent, begins, links = [], quiet, ...given }: SpanOptions,
  sink: SpanSink | undefined,
  share: number,
): Span {
  const known = parseTraceparent(parent) && parent
  const traceparent = given.as ?? followTrace(known, begins ? share : 0)
  const since = given.since ?? performance.now()
  if (sink === undefined || !isSampled(traceparent))
    return { traceparent, parent: known, since, ...unrecorded }
  const attributes = { ...given.attributes }
  const start = given.from?.getTime() ?? Date.now() - (performance.now() - since)
  let isNeeded = !quiet
  let failure: string | undefined
  const fail = (error: unknown): void => {
    isNeeded = true
    failure = messageOf(error)
  }
  return {
    traceparent,
    parent: known,
    since,
    isRecorded: true,
    note: (more) => void Object.assign(attributes, more),
    need: () => {
      isNeeded = true
    },
    fail,
    end(error, at) {
      if (error !== undefined) fail(error)
      if (!isNeeded) return
      sink.take({
        name,
        kind,
        traceparent,
        parent: known,
        links: links.filter(isSampled),
        attributes,
        start,
        end: at?.getTime() ?? start + (performance.now() - since),
        error: failure,
      })
    },
  }
}

const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).slice(0, 1024)

/** Ends a span that was a request. What the caller did wrong is no failure of it. */
export function endAnswered(span: Span, status: number): void {
  span.note({ 'http.response.status_code': status })
  span.end(status < 500 ? undefined : `it was answered ${status}`)
}

/** Does some work under a span, which ends with it, and as it does. */
export async function during<T>(span: Span, work: (span: Span) => Promise<T>): Promise<T> {
  try {
    const result = await work(span)
    span.end()
    return result
  } catch (error) {
    span.end(error)
    throw error
  }
}
