import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { decompress } from '#shared/archive/decompress.ts'
import { readTar } from '#shared/archive/tar-reader.ts'
import type { Gauge } from './progress.ts'

/**
 * Counts the bytes of the files in an archive that passes by, as the size of data is told in those. One that cannot be read is counted as
 * it comes: it is kept as it is all the same.
 */
export class FileBytes implements Gauge, Disposable {
  #packed = 0
  #unpacked = 0
  #total: number | undefined
  readonly #archive = new PassThrough()
  readonly #reading: Promise<void>

  constructor(total: number) {
    this.#total = total
    this.#reading = this.#read().catch(() => {
      this.#total = undefined
    })
  }

  get total(): number | undefined {
    return this.#total
  }

  get bytes(): number {
    return this.#total === undefined ? this.#packed : this.#unpacked
  }

  async add(chunk: Buffer): Promise<void> {
    this.#packed += chunk.length
    if (this.#archive.destroyed || this.#archive.write(chunk)) return
    await Promise.race([once(this.#archive, 'drain'), this.#reading])
  }

  [Symbol.dispose](): void {
    this.#archive.destroy()
  }

  async #read(): Promise<void> {
    for await (const { pieces } of readTar(decompress(this.#archive, {})))
      for await (const piece of pieces()) this.#unpacked += piece.length
  }
}
