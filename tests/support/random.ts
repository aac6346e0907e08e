import { createHash } from 'node:crypto'

/** Chance that a seed repeats. */
export class Random {
  readonly #seed: string
  #drawn = 0

  constructor(seed: string) {
    this.#seed = seed
  }

  /** Another one that goes its own way, whatever is drawn from this one. */
  fork(name: string): Random {
    return new Random(`${this.#seed}/${name}`)
  }

  /** A whole number from 0 on, below `end`. */
  below(end: number): number {
    return this.#draw().readUInt32BE() % end
  }

  pick<T>(list: readonly [T, ...T[]]): T
  pick<T>(list: readonly T[]): T | undefined
  pick<T>(list: readonly T[]): T | undefined {
    return list[this.below(list.length)]
  }

  shuffled<T>(list: readonly T[]): T[] {
    const keyed = list.map((value) => ({ value, key: this.#draw().readUInt32BE() }))
    return keyed.toSorted((a, b) => a.key - b.key).map(({ value }) => value)
  }

  bytes(count: number): Buffer {
    const blocks = Array.from({ length: Math.ceil(count / 32) }, () => this.#draw())
    return Buffer.concat(blocks).subarray(0, count)
  }

  #draw(): Buffer {
    this.#drawn += 1
    return createHash('sha256').update(`${this.#seed} ${this.#drawn}`).digest()
  }
}
