import { setTimeout as pause } from 'node:timers/promises'
import { lastRunEvent, readRunEvents, runEventBefore } from '#shared/database/run-events.ts'
import type { Sql } from '#shared/database/sql.ts'
import type { Config } from '#shared/runtime/config.ts'
import { Cursor, settling } from './cursor.ts'
import { Subscription } from './subscription.ts'

/** At most so many moves are read at a time. */
export const batch = 500

// What lies with somebody who takes nothing; beyond it they read again for themselves.
const most = 4 * batch

type Source = { sql: Sql; config: Pick<Config, 'watchInterval'> }

const tails = new WeakMap<Sql, Tail>()

/** The one of this process. */
export function tailOf({ sql, config }: Source): Tail {
  const tail = tails.get(sql) ?? new Tail({ sql, config })
  tails.set(sql, tail)
  return tail
}

/** One look at the moves of runs for all who listen, however many they are, and none when nobody does. */
export class Tail {
  readonly #source: Source
  readonly #subscriptions = new Set<Subscription>()
  #isOpen: Promise<void> | undefined

  constructor(source: Source) {
    this.#source = source
  }

  /** Somebody who hears of every move that can be seen later than `isOpen`, until the signal. */
  listen(signal: AbortSignal): Subscription {
    const begun = this.#isOpen ?? this.#begin()
    this.#isOpen = begun
    const subscription = new Subscription(begun, most, () =>
      this.#subscriptions.delete(subscription),
    )
    this.#subscriptions.add(subscription)
    if (signal.aborted) subscription.close()
    signal.addEventListener('abort', () => subscription.close(), { once: true })
    return subscription
  }

  /** Begins as far back as a transaction that has its ids may still be open. */
  async #begin(): Promise<void> {
    const { sql } = this.#source
    try {
      const last = await lastRunEvent(sql)
      const cursor = new Cursor(await runEventBefore(sql, last, settling), settling)
      void this.#follow(cursor)
    } catch (error) {
      this.#isOpen = undefined
      throw error
    }
  }

  async #follow(cursor: Cursor): Promise<void> {
    const { sql, config } = this.#source
    try {
      while (this.#subscriptions.size > 0) {
        const { settled, known } = cursor.behind
        const moves = await readRunEvents(sql, settled, known, batch)
        cursor.told(moves)
        for (const subscription of this.#subscriptions) subscription.push(moves)
        if (moves.length < batch)
          await pause(config.watchInterval * 1000, undefined, { ref: false })
      }
    } catch (error) {
      // Whoever listens comes back, with the last that they were told.
      for (const subscription of this.#subscriptions) subscription.close(error)
    } finally {
      this.#isOpen = undefined
    }
  }
}
