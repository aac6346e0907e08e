import { ConnectionError, isAway } from './api-error.ts'
import { md5 } from './md5.ts'
import { pause, type Patience } from './retry.ts'

// Fifteen seconds in all, while nothing new comes; each try has the patience of a request besides.
const waits = [500, 1500, 5000, 8000]

/** What is sent again is not what was sent before. */
export class SentAnother extends Error {
  override readonly name = 'SentAnother'
}

/** What is sent: all of a stream, or what follows so many bytes of it. */
export type Opened = { pieces: AsyncIterable<Buffer>; from: number }

/** Who has begun to send is waited for until it is back, however long it is away. */
type Endless = { endless?: boolean }

/**
 * One stream of bytes over lines that break: it is opened again then, behind what has come, or else as much of it passed over. Throws
 * `SentAnother` when that is not the same as before.
 */
export async function* resumed(
  open: (seen: number) => Promise<Opened>,
  { signal, onAway, onResumed, endless }: Patience & Endless = {},
  seen = new Seen(),
): AsyncGenerator<Buffer> {
  let begun = false
  for (let breaks = 0; ; breaks++) {
    try {
      const opened = await open(seen.bytes)
      begun = true
      if (opened.from > 0) onResumed?.(opened.from)
      for await (const piece of unseen(opened, seen)) {
        breaks = 0
        yield piece
      }
      return
    } catch (error) {
      signal?.throwIfAborted()
      // Who could not be reached at all was asked patiently enough.
      if (begun && endless) await waitForGood(error, breaks, { signal, onAway })
      else await waitAfter(error, begun ? breaks : waits.length, { signal, onAway })
    }
  }
}

/** How many bytes have come, and which: their MD5, which servers tell of a download. */
export class Seen {
  bytes = 0
  readonly #hash = md5()

  add(piece: Buffer): void {
    this.bytes += piece.length
    this.#hash.update(piece)
  }

  digest(): string {
    return this.#hash.copy().digest('hex')
  }
}

async function* unseen({ pieces, from }: Opened, seen: Seen): AsyncGenerator<Buffer> {
  if (from === 0) return yield* passedOver(pieces, seen)
  if (from !== seen.bytes) throw new SentAnother(`what is sent follows byte ${from}`)
  for await (const piece of pieces) {
    seen.add(piece)
    yield piece
  }
}

/** What follows the bytes that have come, which are sent again. */
async function* passedOver(stream: AsyncIterable<Buffer>, seen: Seen): AsyncGenerator<Buffer> {
  for await (const news of restOf(stream, { bytes: seen.bytes, md5: seen.digest() }, new Seen())) {
    seen.add(news)
    yield news
  }
}

/** How much of a stream has come, and the MD5 of that. */
export type Came = { bytes: number; md5: string }

/** What of a stream follows what came of one before, which must have begun alike. All of it is `seen`. */
export async function* restOf(
  stream: AsyncIterable<Buffer>,
  came: Came,
  seen: Seen,
): AsyncGenerator<Buffer> {
  const requireSame = () => {
    if (seen.digest() !== came.md5) throw new SentAnother('what is sent again is another')
  }
  for await (const piece of stream) {
    const known = piece.subarray(0, Math.max(0, came.bytes - seen.bytes))
    if (known.length > 0) {
      seen.add(known)
      if (seen.bytes === came.bytes) requireSame()
    }
    const news = piece.subarray(known.length)
    if (news.length === 0) continue
    seen.add(news)
    yield news
  }
  if (seen.bytes < came.bytes) requireSame()
}

/**
 * Tries something that goes on where it was when a line broke: as often as it takes as long as it comes further between, which `reached`
 * tells, and a while without. What has come nowhere is not tried again.
 */
export async function goingOn<T>(
  attempt: () => Promise<T>,
  reached: () => number,
  { signal, onAway }: Patience,
): Promise<T> {
  for (let breaks = 0; ; breaks++) {
    const before = reached()
    try {
      return await attempt()
    } catch (error) {
      signal?.throwIfAborted()
      if (reached() > before) breaks = 0
      await waitAfter(error, reached() > 0 ? breaks : waits.length, { signal, onAway })
    }
  }
}

/** Throws the error when it is no line that broke, or it is enough. */
async function waitAfter(
  error: unknown,
  breaks: number,
  { signal, onAway }: Patience,
): Promise<void> {
  const [wait, ...others] = waits.slice(breaks)
  if (!(error instanceof ConnectionError) || wait === undefined) throw error
  onAway?.(error, Math.ceil(others.reduce((sum, other) => sum + other, wait) / 1000))
  await pause(wait, signal)
}

/** Waits longer and longer, and throws the error when waiting is no help. That a line breaks is nothing to tell; that it stays broken is. */
async function waitForGood(error: unknown, breaks: number, { signal, onAway }: Patience) {
  if (!isAway(error)) throw error
  if (breaks === 1) onAway?.(error, Infinity)
  await pause(waits[breaks] ?? Math.max(...waits), signal)
}
