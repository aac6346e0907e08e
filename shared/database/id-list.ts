const bytesOfId = 16
const idInHex = /(.{8})(.{4})(.{4})(.{4})(.{12})/g

/** Whatever ids are put into as they are found. */
export type IdSink = { push(id: string): unknown }

/**
 * Ids in the order in which they were put into it, for lists of all there is: of each it holds 16 bytes, which is a fifth of what the
 * same text takes.
 */
export class IdList implements IdSink {
  readonly #atOnce: number
  readonly #full: Buffer[] = []
  #last: string[] = []

  /** `atOnce`: so many ids are a page. */
  constructor(atOnce: number) {
    this.#atOnce = atOnce
  }

  get length(): number {
    return this.#full.length * this.#atOnce + this.#last.length
  }

  push(id: string): void {
    if (this.#last.length === this.#atOnce) {
      this.#full.push(Buffer.from(this.#last.join('').replaceAll('-', ''), 'hex'))
      this.#last = []
    }
    this.#last.push(id)
  }

  /** All of them, page by page; there is at least one page, which may be empty. */
  *pages(): Generator<string[], void> {
    for (const page of this.#full)
      yield page
        .toString('hex')
        .replace(idInHex, '$1-$2-$3-$4-$5,')
        .split(',', page.length / bytesOfId)
    yield this.#last
  }
}
