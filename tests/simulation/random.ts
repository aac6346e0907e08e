/** Chance that is the same for the same seed: all that a schedule decides is decided here. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
    // Seeds that are neighbours begin alike.
    for (let skipped = 0; skipped < 8; skipped += 1) this.next()
  }

  /** From 0 up to 1, which is never reached. (Mulberry32.) */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** Chance of its own: what is drawn of it changes nothing here. */
  fork(): Random {
    return new Random(~this.#state)
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit)
  }

  between(least: number, most: number): number {
    return least + this.below(most - least + 1)
  }

  /** True as often as that, of all times. */
  happens(chance: number): boolean {
    return this.next() < chance
  }

  pick<T>(list: readonly T[]): T {
    const picked = list[this.below(list.length)]
    if (picked === undefined) throw new Error('there is nothing to pick from')
    return picked
  }

  /** One of the list, each as often as its weight says. */
  weighted<T extends { weight: number }>(list: readonly T[]): T {
    let left = this.next() * list.reduce((sum, { weight }) => sum + weight, 0)
    for (const one of list) {
      left -= one.weight
      if (left < 0) return one
    }
    return this.pick(list)
  }

  /** Some of the list, at least so many, in their order. */
  some<T>(list: readonly T[], least = 0): T[] {
    const wanted = this.between(least, list.length)
    const taken = new Set<number>()
    while (taken.size < wanted) taken.add(this.below(list.length))
    return list.filter((_, index) => taken.has(index))
  }
}
