import { SpanKind, SpanStatusCode, type HrTime, type SpanContext } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, type ReadableSpan, type SpanExporter } from '@opentelemetry/sdk-trace'
import { parseTraceparent } from '#shared/contracts/trace.ts'
import type { Log } from '#shared/ports/log.ts'
import type { EndedSpan, SpanSink } from '#shared/ports/tracer.ts'

const kinds = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  internal: SpanKind.INTERNAL,
} as const

/**
 * Sends spans in batches, by OTLP over HTTP as JSON, to where the variables of OpenTelemetry say. What cannot be sent is dropped, as is
 * what would make the queue longer than it may be, and told now and then.
 */
export function otlpSink(service: Record<string, string>, log: Log): SpanSink {
  const resource = resourceFromAttributes(service).merge(
    detectResources({ detectors: [envDetector] }),
  )
  const exporter = toldOf(new OTLPTraceExporter(), log)
  const processor = new BatchSpanProcessor({ exporter })
  const common = {
    events: [],
    ended: true,
    resource,
    instrumentationScope: { name: 'knitfab' },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  }
  return {
    take: (span) => processor.onEnd({ ...common, ...readable(span) }),
    // What then cannot be sent has been told.
    close: () => processor.shutdown().catch(() => {}),
  }
}

type OfSpan = Omit<
  ReadableSpan,
  'events' | 'ended' | 'resource' | 'instrumentationScope' | `dropped${string}`
>

function readable({ parent, start, end, error, ...span }: EndedSpan): OfSpan {
  const context = contextOf(span.traceparent)
  return {
    name: span.name,
    kind: kinds[span.kind],
    spanContext: () => context,
    ...(parent && { parentSpanContext: contextOf(parent) }),
    startTime: timeOf(start),
    endTime: timeOf(end),
    duration: timeOf(end - start),
    status:
      error === undefined
        ? { code: SpanStatusCode.UNSET }
        : { code: SpanStatusCode.ERROR, message: error },
    attributes: span.attributes,
    links: span.links.map((link) => ({ context: contextOf(link) })),
  }
}

function contextOf(traceparent: string): SpanContext {
  const { trace = '', span = '', flags = '' } = parseTraceparent(traceparent) ?? {}
  return { traceId: trace, spanId: span, traceFlags: Number.parseInt(flags, 16) }
}

const timeOf = (ms: number): HrTime => {
  const seconds = Math.floor(ms / 1000)
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)]
}

const betweenWarnings = 60_000

/** Says of an exporter that it could not send, and how much was lost by that, once a minute. */
function toldOf(exporter: SpanExporter, log: Log): SpanExporter {
  let toldAt = -Infinity
  let lost = 0
  const tell = (error: Error | undefined): void => {
    if (performance.now() - toldAt < betweenWarnings) return
    toldAt = performance.now()
    log.warn('traces could not be sent: is OTEL_EXPORTER_OTLP_ENDPOINT right?', {
      spans: lost,
      error: error?.message || error?.name,
    })
    lost = 0
  }
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        if (result.code !== 0) {
          lost += spans.length
          tell(result.error)
        }
        done(result)
      }),
    shutdown: () => exporter.shutdown(),
  }
}
