type Told = { id: number; at: Date }

/** Longer than any transaction takes that moves a run, in seconds. */
export const settling = 30

/**
 * How far somebody has been told. Ids are given when something is written and seen when that is committed, so a smaller one may be
 * seen later: as long as a transaction may take, what has been told is remembered one by one.
 */
export class Cursor {
  readonly #patience: number
  readonly #told = new Map<number, number>()
  #settled: number
  #newest = -Infinity

  /** `settled`: behind it everything is still to be told. `patience`: seconds that a transaction may take. */
  constructor(settled: number, patience: number) {
    this.#settled = settled
    this.#patience = patience * 1000
  }

  /** Behind which to look, and what of that is known. */
  get behind(): { settled: number; known: Iterable<number> } {
    return { settled: this.#settled, known: this.#told.keys() }
  }

  knows(id: number): boolean {
    return id <= this.#settled || this.#told.has(id)
  }

  /** Takes note of what is told. */
  told(events: readonly Told[]): void {
    for (const { id, at } of events) {
      this.#told.set(id, at.getTime())
      this.#newest = Math.max(this.#newest, at.getTime())
    }
    const old = [...this.#told].filter(([, at]) => at < this.#newest - this.#patience)
    this.#settled = old.reduce((last, [id]) => Math.max(last, id), this.#settled)
    for (const id of this.#told.keys()) if (id <= this.#settled) this.#told.delete(id)
  }
}
