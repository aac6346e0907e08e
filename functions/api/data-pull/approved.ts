import { once } from 'node:events'
import { Readable } from 'node:stream'
import type { Sending } from '#shared/ports/cluster.ts'
import type { NodeBindings } from '#shared/runtime/read-request.ts'

type Wish = {
  /** How many bytes are left out of what is sent. */
  from: number
  /** Sees every byte, whether it is sent or not. */
  observe(chunk: Buffer): void
  /** Throws when what was read, of that digest, is not what is to be sent. */
  approve(digest: string | undefined): void
}

// What begins an archive comes in pieces of a few bytes.
const leastHeld = 64 * 1024

/**
 * What follows the first bytes of an archive. The last of it goes only when all that was read is approved of: what is not, is never a
 * whole archive, and who goes on behind all that came of it is told why before anything else, as is who asks for a small one.
 */
export const approved = (archive: Sending, wish: Wish): Readable =>
  Readable.from(piecesOf(archive, wish), { objectMode: false })

async function* piecesOf(
  archive: Sending,
  { from, observe, approve }: Wish,
): AsyncGenerator<Buffer> {
  let left = from
  let held: Buffer = Buffer.alloc(0)
  for await (const chunk of archive as AsyncIterable<Buffer>) {
    observe(chunk)
    const news = chunk.subarray(left)
    left -= chunk.length - news.length
    if (held.length < leastHeld) held = Buffer.concat([held, news])
    else if (news.length > 0) {
      yield held
      held = news
    }
  }
  approve(archive.digest?.())
  if (held.length > 0) yield held
}

/** Waits until there is something to send, or nothing more: what has failed by then can be told as any other failure. */
export async function begun(body: Readable, { outgoing }: NodeBindings): Promise<void> {
  try {
    await once(body, 'readable')
  } catch (error) {
    // Who has gone is told nothing.
    if (!outgoing?.destroyed) throw error
  }
}
