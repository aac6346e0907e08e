import { setTimeout as pause } from 'node:timers/promises'
import { lastRunEvent, readRunEvents, runEventBefore } from '#shared/database/run-events.ts'
import type { Sql } from '#shared/database/sql.ts'
import type { Config } from '#shared/runtime/config.ts'
import { Cursor, settling } from './cursor.ts'
import { Ear } from './ear.ts'

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
  readonly #ears = new Set<Ear>()
  #isOpen: Promise<void> | undefined

  constructor(source: Source) {
    this.#source = source
  }

  /** Somebody who hears of every move that can be seen later than `isOpen`, until the signal. */
  listen(signal: AbortSignal): Ear {
    const begun = this.#isOpen ?? this.#begin()
    this.#isOpen = begun
    const ear = new Ear(begun, most, () => this.#ears.delete(ear))
    this.#ears.add(ear)
    if (signal.aborted) ear.close()
    signal.addEventListener('abort', () => ear.close(), { once: true })
    return ear
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
      while (this.#ears.size > 0) {
        const { settled, known } = cursor.behind
        const moves = await readRunEvents(sql, settled, known, batch)
        cursor.told(moves)
        for (const ear of this.#ears) ear.hear(moves)
        if (moves.length < batch)
          await pause(config.watchInterval * 1000, undefined, { ref: false })
      }
    } catch (error) {
      // Whoever listens comes back, with the last that they were told.
      for (const ear of this.#ears) ear.close(error)
    } finally {
      this.#isOpen = undefined
    }
  }
}
