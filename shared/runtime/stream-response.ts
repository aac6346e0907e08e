import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import type { Log } from '#shared/ports/log.ts'
import type { NodeBindings } from './read-request.ts'
import { sent } from './web.ts'

export type StreamOptions = {
  /** Media type of the answer. */
  type: string
  log: Log
  /** Sent after the last byte, and only then: its absence tells that the answer is not whole. */
  trailer?: { name: string; value: () => string }
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
  if (!outgoing)
    return new Response(Readable.toWeb(body) as ReadableStream as never, {
      headers: { 'content-type': options.type },
    })
  outgoing.writeHead(200, {
    'content-type': options.type,
    ...(options.trailer && { trailer: options.trailer.name }),
  })
  outgoing.flushHeaders()
  void send(body, outgoing, options)
  return sent
}

async function send(
  body: Readable,
  outgoing: NonNullable<NodeBindings['outgoing']>,
  { trailer, log }: StreamOptions,
): Promise<void> {
  try {
    await pipeline(body, outgoing, { end: false })
    if (trailer) outgoing.addTrailers({ [trailer.name]: trailer.value() })
    outgoing.end()
  } catch (error) {
    log.warn('a stream broke off', { error })
    outgoing.destroy()
  }
}
