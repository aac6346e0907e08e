import type { IncomingMessage, ServerResponse } from 'node:http'
import type * as z from 'zod'
import { Config } from './config.ts'

/** How long others may hold a line, as the settings say. */
export const Patience = Config.pick({ headersTimeout: true, uploadLease: true, minBodyRate: true })
export type Patience = z.infer<typeof Patience>

/**
 * Cuts a line off whose request does not come any more, or so slowly that it is held rather than used. Not while it is we who do
 * not read: what waits to be read is not late.
 */
export function cutOffSlow(
  incoming: IncomingMessage,
  { uploadLease, minBodyRate }: Patience,
): void {
  if (incoming.complete || !hasBody(incoming)) return
  // Twice what an upload is given: who sends nothing at all is told so before.
  const seconds = 2 * uploadLease
  let before = incoming.socket.bytesRead
  const watch = setInterval(() => {
    const { bytesRead } = incoming.socket
    const isOurs = incoming.readableLength > 0 || isHeldBack(incoming)
    if (!isOurs && bytesRead - before < minBodyRate * seconds) incoming.destroy()
    before = bytesRead
  }, seconds * 1000)
  incoming.once('close', () => clearInterval(watch))
}

/** Whoever reads piece by piece is flowing never, and not held back. */
const isHeldBack = (incoming: IncomingMessage): boolean =>
  incoming.isPaused() && incoming.listenerCount('readable') === 0

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0

/**
 * Cuts a line off at whose end somebody takes nothing of what waits, for so many seconds. The time-out of a socket begins anew
 * with each byte that goes; that nothing goes because we are slow is not laid to the reader.
 */
export function cutOffIdle(outgoing: ServerResponse, seconds: number): void {
  outgoing.setTimeout(seconds * 1000, () => {
    if (outgoing.writableLength > 0)
      outgoing.destroy(new Error(`the reader took nothing for ${seconds} seconds`))
  })
}
