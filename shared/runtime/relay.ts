import { setTimeout as wait } from 'node:timers/promises'
import { drainOutbox } from '#shared/database/outbox.ts'
import type { Sql } from '#shared/database/sql.ts'
import type { EventBus } from '#shared/ports/event-bus.ts'
import type { Log } from '#shared/ports/log.ts'

/** Takes events from the outbox to the bus. */
export interface Relay {
  /** Says that there may be something to publish. Returns at once; many calls at a time are one. */
  wake(): void
  /** Publishes now; gives back how many events, and rejects when that did not work. */
  drain(): Promise<number>
  /** Resolves when nothing is being published. */
  settled(): Promise<void>
}

// Steps that commit a lot and tell nothing wake the relay as often as others do. After so many looks in vain, one right after
// the other, a look waits for so many milliseconds, and serves all commits until then.
const vainLooks = 3
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
  const publish = (recent: boolean) => drainOutbox(sql, (events) => bus.publish(events), { recent })
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
    try {
      const count = await publish(!olderWait)
      olderWait = false
      return count
    } catch (error) {
      olderWait = true
      log.warn('events stay in the outbox for now', { error })
      return 0
    }
  }

  return {
    wake() {
      again = true
      running ??= run()
    },
    drain: () => publish(false),
    settled: async () => running,
  }
}
