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

/** What cannot be published stays in the outbox: the next wake, or the sweep, tries again. */
export function createRelay(sql: Sql, bus: EventBus, log: Log): Relay {
  const drain = () => drainOutbox(sql, (events) => bus.publish(events))
  let again = false
  let running: Promise<void> | undefined

  async function run(): Promise<void> {
    while (again) {
      again = false
      await drain().catch((error: unknown) =>
        log.warn('events stay in the outbox for now', { error }),
      )
    }
    running = undefined
  }

  return {
    wake() {
      again = true
      running ??= run()
    },
    drain,
    settled: async () => running,
  }
}
