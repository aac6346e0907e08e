import { setTimeout as wait } from 'node:timers/promises'
import { drainOutbox } from '#shared/database/outbox.ts'
import type { Sql } from '#shared/database/sql.ts'
import type { EventBus } from '#shared/ports/event-bus.ts'
import type { Log } from '#shared/ports/log.ts'

/** Takes events from the outbox to the bus. */
export interface Relay {
  /**
   * Says that there may be something to publish, of a transaction that began then, by `performance.now()`; just now, unless given.
   * Returns at once; many calls at a time are one.
   */
  wake(began?: number): void
  /** Publishes now; gives back how many events, and rejects when that did not work. */
  drain(): Promise<number>
  /** Resolves when nothing is being published. */
  settled(): Promise<void>
}

// Steps that commit a lot and tell nothing wake the relay as often as others do. After so many looks in vain, one right after
// the other, a look waits for so many milliseconds, and serves all commits until then.
const vainLooks = 3
// Seconds that a look goes back at least: what somebody else has recorded, and could not say so, may be found as well.
const leastSeconds = 5
const breath = 5

/** What cannot be published stays in the outbox: the next wake, or the sweep, tries again. */
export function createRelay(
  sql: Sql,
  bus: EventBus,
  log: Log,
  pause: () => Promise<unknown> = () => wait(breath),
): Relay {
  // At first, and when the bus did not take something, events of any age may wait.
  let olderWait = true
  const publish = (seconds?: number) =>
    drainOutbox(sql, (events) => bus.publish(events), seconds === undefined ? {} : { seconds })
  // When the first of the transactions began that the next look is for.
  let first = Infinity
  let again = false
  let running: Promise<void> | undefined

  async function run(): Promise<void> {
    for (let vain = 0; again;) {
      if (vain >= vainLooks) await pause()
      again = false
      vain = (await look()) > 0 ? 0 : vain + 1
    }
    running = undefined
  }

  async function look(): Promise<number> {
    const seconds = leastSeconds + Math.max(0, performance.now() - first) / 1000
    first = Infinity
    try {
      const count = await publish(olderWait ? undefined : seconds)
      olderWait = false
      return count
    } catch (error) {
      olderWait = true
      log.warn('events stay in the outbox for now', { error })
      return 0
    }
  }

  return {
    wake(began = performance.now()) {
      first = Math.min(first, began)
      again = true
      running ??= run()
    },
    drain: () => publish(),
    settled: async () => running,
  }
}
