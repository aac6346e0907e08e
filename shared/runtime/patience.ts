import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
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

/**
 * Cuts a line off at whose end somebody takes what waits more slowly than the least rate: it is held rather than used. Not where
 * all has gone that was there to be taken.
 */
export function cutOffSlowReader(socket: Socket, { uploadLease, minBodyRate }: Patience): void {
  const seconds = 2 * uploadLease
  let before = progressOf(socket)
  const watch = setInterval(() => {
    const now = progressOf(socket)
    const hasWaited = now.gone < before.written
    if (hasWaited && now.gone - before.gone < minBodyRate * seconds) socket.destroy()
    before = now
  }, seconds * 1000)
  socket.once('close', () => clearInterval(watch))
}

type Handled = { _handle?: { bytesWritten?: number; writeQueueSize?: number } | null }

/**
 * How much was written, and how much of that has gone. A socket counts as written what waits in it, and a write as one, however
 * large it is; how far it has come Node tells itself here, to know whether a line is idle.
 */
function progressOf(socket: Socket): { written: number; gone: number } {
  const { _handle: handle } = socket as Handled
  const { bytesWritten: written = 0, writeQueueSize = 0 } = handle ?? {}
  return { written, gone: written - writeQueueSize }
}
