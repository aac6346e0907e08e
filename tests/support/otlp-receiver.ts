import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'

/** A span as a collector has it. */
export type ReceivedSpan = {
  service: string
  trace: string
  id: string
  parent: string | undefined
  name: string
  kind: number
  /** Milliseconds since 1970. */
  start: number
  end: number
  attributes: Record<string, unknown>
  links: string[]
  /** What went wrong; undefined when nothing did. */
  error: string | undefined
}

export type OtlpReceiver = {
  url: string
  spans: ReceivedSpan[]
  /** Of every request, the path and the headers. */
  requests: { path: string; headers: IncomingHttpHeaders }[]
}

type Attribute = { key: string; value: Record<string, unknown> }
type Wire = {
  resourceSpans: {
    resource: { attributes: Attribute[] }
    scopeSpans: { spans: WireSpan[] }[]
  }[]
}
type WireSpan = {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  kind: number
  startTimeUnixNano: string
  endTimeUnixNano: string
  attributes: Attribute[]
  links: { traceId: string; spanId: string }[]
  status: { code: number; message?: string }
}

/** A collector on this machine, until the test has ended: it takes OTLP over HTTP, as JSON, and keeps what it got. */
export async function otlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = []
  const requests: OtlpReceiver['requests'] = []
  const server = createServer(async (request, response) => {
    const { url: path = '', headers } = request
    requests.push({ path, headers })
    spans.push(...spansIn((await json(request)) as Wire))
    response.setHeader('content-type', 'application/json').end('{}')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, spans, requests }
}

/** The spans of a message. */
export const spansIn = ({ resourceSpans }: Wire): ReceivedSpan[] =>
  resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(valuesOf(resource.attributes)['service.name'])
    return scopeSpans.flatMap(({ spans }) => spans.map((span) => readSpan(service, span)))
  })

const readSpan = (service: string, span: WireSpan): ReceivedSpan => ({
  service,
  trace: span.traceId,
  id: span.spanId,
  parent: span.parentSpanId,
  name: span.name,
  kind: span.kind,
  start: Number(span.startTimeUnixNano) / 1e6,
  end: Number(span.endTimeUnixNano) / 1e6,
  attributes: valuesOf(span.attributes),
  links: span.links.map(({ traceId, spanId }) => `${traceId} ${spanId}`),
  error: span.status.code === 2 ? (span.status.message ?? '') : undefined,
})

const valuesOf = (attributes: Attribute[]): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
