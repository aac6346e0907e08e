import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import type { Part, Received } from '#shared/domain/archive-part.ts'
import type { Measure } from '#shared/domain/worker.ts'
import { NotKept, TakenOver, WrongOffset } from './reception-error.ts'

type Unpack = (archive: Readable) => Promise<Measure>
type Line = PromiseWithResolvers<void> & { stream: Readable; last: boolean }

/**
 * An archive that is unpacked while it comes, over one line after another. It knows no difference between bytes that came over one
 * line and over many: whoever unpacks sees one stream, which stands still while there is no line.
 */
class Reception {
  readonly #unpacked: Promise<Measure>
  readonly #md5 = createHash('md5')
  #bytes = 0
  #line: Line | undefined
  #isWhole = false
  #givenUp: Error | undefined
  #news = Promise.withResolvers<void>()

  constructor(unpack: Unpack) {
    this.#unpacked = unpack(Readable.from(this.#chunks(), { objectMode: false }))
    // Whoever sends is told.
    this.#unpacked.catch(() => {})
  }

  /** Takes what a line brings. Another one is cut: whoever sends anew knows best that it is dead. */
  async take(stream: Readable, { from, last }: Part): Promise<Received> {
    this.#cut(new TakenOver('somebody else goes on with the archive'))
    if (from !== this.#bytes) throw new WrongOffset(this.#received())
    const line = { ...Promise.withResolvers<void>(), stream, last }
    if (this.#isWhole) await nothingMore(stream)
    else {
      this.#line = line
      this.#tell()
      // What cannot be unpacked is known before all of it has come.
      await Promise.race([line.promise, this.#unpacked.then(() => line.promise)])
    }
    return last ? { ...this.#received(), measure: await this.#unpacked } : this.#received()
  }

  /** Resolves when nothing is unpacked any more: nothing is left of an archive that was not whole. */
  async giveUp(): Promise<void> {
    this.#givenUp = new NotKept('the rest of the archive did not come in time')
    this.#cut(this.#givenUp)
    this.#tell()
    await this.#unpacked.catch(() => {})
  }

  get isWhole(): boolean {
    return this.#isWhole
  }

  /** Whether it has failed, so that no rest can follow. */
  async hasFailed(): Promise<boolean> {
    const isOpen = Symbol('open')
    return Promise.race([this.#unpacked, isOpen]).then(
      () => false,
      () => true,
    )
  }

  #received(): Received {
    return { bytes: this.#bytes, md5: this.#md5.copy().digest('hex') }
  }

  #cut(why: Error): void {
    const line = this.#line
    this.#line = undefined
    line?.reject(why)
    line?.stream.destroy()
  }

  #tell(): void {
    this.#news.resolve()
    this.#news = Promise.withResolvers<void>()
  }

  async *#chunks(): AsyncGenerator<Buffer> {
    while (!this.#isWhole) {
      const line = await this.#next()
      let isRefused = false
      try {
        for await (const chunk of line.stream as AsyncIterable<Buffer>) {
          // Of a line that was cut nothing counts that was still on its way.
          if (this.#line !== line) break
          this.#bytes += chunk.length
          this.#md5.update(chunk)
          // What is thrown here is not the line's: nobody wants any more of it.
          isRefused = true
          yield chunk
          isRefused = false
        }
        this.#isWhole = this.#line === line && line.last
        line.resolve()
      } catch (error) {
        if (isRefused) throw error
        line.reject(error)
      }
      if (this.#line === line) this.#line = undefined
    }
  }

  async #next(): Promise<Line> {
    for (;;) {
      if (this.#givenUp) throw this.#givenUp
      if (this.#line) return this.#line
      await this.#news.promise
    }
  }
}

async function nothingMore(stream: Readable): Promise<void> {
  let bytes = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) bytes += chunk.length
  if (bytes > 0) throw new NotKept('the archive was whole before')
}

/** `line` is the one that came last: what became of others does not count any more. */
type Kept = { reception: Reception; line: Readable; until?: NodeJS.Timeout | undefined }

// Each has some memory for what it decompresses.
const mostHeld = 500

/** The archives that are on their way, each to a place of its own. */
export class Receptions {
  #kept = new Map<string, Kept>()

  /** Whether there are some whose rest may follow. */
  get areAwaited(): boolean {
    return [...this.#kept.values()].some(({ reception }) => !reception.isWhole)
  }

  /**
   * Takes a part of the archive for a place. What came before is kept in memory: who is not the process that took it begins anew.
   */
  async take(place: string, archive: Readable, part: Part, unpack: Unpack): Promise<Received> {
    const kept = this.#keptFor(place, archive, part, unpack)
    try {
      return await kept.reception.take(archive, part)
    } finally {
      archive.destroy()
      await this.#hold(place, archive, part)
    }
  }

  /** Forgets the archive for a place, and unpacks no more of it. */
  async drop(place: string): Promise<void> {
    const kept = this.#kept.get(place)
    this.#kept.delete(place)
    clearTimeout(kept?.until)
    await kept?.reception.giveUp()
  }

  #keptFor(place: string, line: Readable, { from }: Part, unpack: Unpack): Kept {
    const found = this.#kept.get(place)
    clearTimeout(found?.until)
    if (found) return Object.assign(found, { line, until: undefined })
    if (from > 0) throw new NotKept('nothing is kept of what came before')
    const kept = { reception: new Reception(unpack), line }
    this.#kept.set(place, kept)
    return kept
  }

  /** Keeps what has come over a line that is over, unless there is another by now. */
  async #hold(place: string, line: Readable, { keep }: Part): Promise<void> {
    const isLast = () => this.#kept.get(place)?.line === line
    const hasFailed = await this.#kept.get(place)?.reception.hasFailed()
    if (!isLast()) return
    if (keep === 0 || hasFailed) return this.drop(place)
    const until = setTimeout(() => void this.drop(place), keep * 1000).unref()
    Object.assign(this.#kept.get(place) ?? {}, { until })
    const waiting = [...this.#kept].filter(([, kept]) => kept.until && !kept.reception.isWhole)
    const [oldest] = waiting
    if (oldest && waiting.length > mostHeld) await this.drop(oldest[0])
  }
}
