import type { RunEvent } from '#shared/database/run-events.ts'

/** Keeps what somebody has still to be told. */
export class Subscription {
  /** Resolves when it hears. */
  readonly isOpen: Promise<void>
  readonly #most: number
  readonly #leave: () => void
  #heard: RunEvent[] = []
  #hasMissed = false
  #closed: { because?: unknown } | undefined
  #wake = () => {}

  /** `most`: what lies here at most before it is thrown away; `leave` is called when it is closed. */
  constructor(isOpen: Promise<void>, most: number, leave: () => void) {
    this.isOpen = isOpen
    this.#most = most
    this.#leave = leave
  }

  get isClosed(): boolean {
    return this.#closed !== undefined
  }

  push(moves: readonly RunEvent[]): void {
    if (moves.length === 0 || this.isClosed) return
    this.#hasMissed ||= this.#heard.length + moves.length > this.#most
    this.#heard = this.#hasMissed ? [] : [...this.#heard, ...moves]
    this.#wake()
  }

  /** Nothing is heard any more; with a reason, whoever waits fails with that. */
  close(because?: unknown): void {
    this.#closed ??= { because }
    this.#heard = []
    this.#leave()
    this.#wake()
  }

  /**
   * What was heard since the last time, as soon as there is something; nothing after so many milliseconds, or once it is
   * closed. Undefined: it was more than is kept.
   */
  async next(ms: number): Promise<RunEvent[] | undefined> {
    if (this.#heard.length === 0 && !this.#hasMissed && !this.isClosed) await this.#something(ms)
    if (this.#closed?.because !== undefined) throw this.#closed.because
    const heard = this.#hasMissed ? undefined : this.#heard
    this.#heard = []
    this.#hasMissed = false
    return heard
  }

  #something(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(ms, 0)).unref()
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
