import type { IncomingMessage } from 'node:http'
import type { NodeBindings } from './read-request.ts'
import { sent } from './web.ts'

// As long as a caller may take to send the rest; the same as nginx lingers.
const patience = 30_000

/**
 * Sends an answer to a caller that may still be sending. It goes out at once; what still comes is read and passed over before
 * the connection is let go, so that a caller that looks for the answer only when it has sent everything still finds it.
 */
export function answerEarly(
  response: Response,
  { incoming, outgoing }: NodeBindings,
): Response | Promise<Response> {
  if (!incoming || !outgoing || !isStillSent(incoming)) return response
  return answerNow(response, { incoming, outgoing })
}

async function answerNow(
  response: Response,
  { incoming, outgoing }: Required<NodeBindings>,
): Promise<Response> {
  const body = Buffer.from(await response.text())
  outgoing.writeHead(response.status, {
    ...Object.fromEntries(response.headers),
    'content-length': body.length,
  })
  outgoing.write(body)
  void endHeardOut({ incoming, outgoing })
  return sent
}

// HEAD never: Hono answers it with a copy, and a copy of an answer that has been sent would be sent again.
const isStillSent = ({ method, headers, complete, destroyed }: IncomingMessage): boolean =>
  method !== 'HEAD' &&
  !complete &&
  !destroyed &&
  (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0)

/** Ends an answer when the caller has sent the rest; who has not by then is cut off, as nothing else can follow on that line. */
export async function endHeardOut({ incoming, outgoing }: Required<NodeBindings>): Promise<void> {
  await passedOver(incoming)
  outgoing.end(() => incoming.complete || incoming.destroy())
}

/** Resolves when a caller has sent the rest of a body that nobody wants, is gone, or has taken too long. */
function passedOver(incoming: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    if (incoming.readableEnded || incoming.destroyed) return resolve()
    const enough = setTimeout(resolve, patience)
    const over = (): void => {
      clearTimeout(enough)
      resolve()
    }
    incoming.once('end', over).once('close', over).once('error', over)
    // Somebody may still be about to stop reading: a listener flows on after that, a mere resume() would not.
    incoming.on('data', () => {}).resume()
  })
}
