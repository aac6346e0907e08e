import { ArchiveError } from './archive-error.ts'

/** Hands out a stream of chunks in pieces of the size wanted. */
export class ByteSource {
  #chunks: AsyncIterator<Buffer>
  #held: Buffer = Buffer.alloc(0)

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  /** Exactly so many bytes. */
  async take(wanted: number): Promise<Buffer> {
    if (this.#held.length >= wanted) return this.#cut(wanted)
    const parts: Buffer[] = []
    for (let missing = wanted; missing > 0; missing -= parts.at(-1)?.length ?? 0) {
      parts.push(await this.piece(missing))
    }
    return Buffer.concat(parts)
  }

  /** What is at hand, at least one byte and at most so many. */
  async piece(most: number): Promise<Buffer> {
    while (this.#held.length === 0) {
      const next = await this.#chunks.next()
      if (next.done) {
        const message = 'The archive ends too early. The transfer was cut off; send it again.'
        throw new ArchiveError('truncated', message)
      }
      this.#held = next.value
    }
    return this.#cut(Math.min(most, this.#held.length))
  }

  /** The next bytes, however many; undefined at the end. */
  async any(): Promise<Buffer | undefined> {
    if (this.#held.length > 0) return this.#cut(this.#held.length)
    const next = await this.#chunks.next()
    return next.done ? undefined : next.value
  }

  async close(): Promise<void> {
    await this.#chunks.return?.()
  }

  #cut(length: number): Buffer {
    const piece = this.#held.subarray(0, length)
    this.#held = this.#held.subarray(length)
    return piece
  }
}
