import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import type { Log } from '#shared/ports/log.ts'
import { cutOffIdle } from './patience.ts'
import type { NodeBindings } from './read-request.ts'
import { sent } from './web.ts'

export type StreamOptions = {
  /** Media type of the answer. */
  type: string
  /** 200, unless it is a part. */
  status?: 200 | 206
  headers?: Record<string, string>
  log: Log
  /** Told of the bytes that are taken, as they are. */
  count: (bytes: number) => void
  /** Sent after the last byte, and only then: its absence tells that the answer is not whole. */
  trailer?: { name: string; value: () => string }
  /** Seconds after which a reader who takes nothing of what waits is cut off. */
  patience: number
}

/**
 * Answers with a stream of bytes, as fast as the reader takes them. When the stream fails, the connection is cut: nothing is
 * appended to what was sent.
 */
export function streamResponse(
  body: Readable,
  bindings: NodeBindings,
  options: StreamOptions,
): Response {
  const { outgoing } = bindings
  body.on('data', (chunk: Buffer) => options.count(chunk.length))
  const { status = 200 } = options
  if (!outgoing)
    return new Response(Readable.toWeb(body) as ReadableStream as never, {
      status,
      headers: { 'content-type': options.type, ...options.headers },
    })
  outgoing.writeHead(status, {
    'content-type': options.type,
    ...options.headers,
    ...(options.trailer && { trailer: options.trailer.name }),
  })
  outgoing.flushHeaders()
  cutOffIdle(outgoing, options.patience)
  void send(body, outgoing, options)
  return sent
}

type Outgoing = NonNullable<NodeBindings['outgoing']>

async function send(
  body: Readable,
  outgoing: Outgoing,
  { trailer, log }: StreamOptions,
): Promise<void> {
  try {
    await pipeline(body, outgoing, { end: false })
    if (trailer) outgoing.addTrailers({ [trailer.name]: trailer.value() })
    outgoing.end()
  } catch (error) {
    log.warn('a stream broke off', { error: outgoing.errored ?? error })
    outgoing.destroy()
  }
}
