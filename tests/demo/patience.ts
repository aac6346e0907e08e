const limits = { first: 30_000, growth: 1.5, most: 120_000 }

/** How long nothing at all may change. It grows with each change: what goes on at all may go on slowly. */
export class Patience {
  readonly #now: () => number
  #allowed = limits.first
  #deadline: number

  /** `now` is in milliseconds, since whenever. */
  constructor(now = () => performance.now()) {
    this.#now = now
    this.#deadline = now() + this.#allowed
  }

  /** Something has changed. */
  renew(): void {
    this.#allowed = Math.min(this.#allowed * limits.growth, limits.most)
    this.#deadline = this.#now() + this.#allowed
  }

  /** For how many seconds nothing has changed, once that is too long. */
  spent(): number | undefined {
    return this.#now() > this.#deadline ? Math.round(this.#allowed / 1000) : undefined
  }
}
