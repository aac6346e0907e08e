/** What was used of late, by key: beyond `size`, what was longest not used is forgotten. */
export class Recent<T> {
  readonly #size: number
  readonly #entries = new Map<string, T>()

  constructor(size: number) {
    this.#size = size
  }

  get(key: string): T | undefined {
    const entry = this.#entries.get(key)
    if (entry !== undefined) this.#putLast(key, entry)
    return entry
  }

  set(key: string, entry: T): void {
    this.#putLast(key, entry)
    if (this.#entries.size <= this.#size) return
    const [oldest] = this.#entries.keys()
    if (oldest !== undefined) this.#entries.delete(oldest)
  }

  /** The order of a map is that in which its keys were put there. */
  #putLast(key: string, entry: T): void {
    this.#entries.delete(key)
    this.#entries.set(key, entry)
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }
}
