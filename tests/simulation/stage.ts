import type { Sql, SqlOptions } from '#shared/database/sql.ts'
import type { Bug } from './bugs.ts'
import { makeSimulated, simulatedSession } from './database.ts'
import { locksOf } from './locks.ts'
import type { Stage } from './simulation.ts'
import { watchThinking } from './thinking.ts'

/** Makes a migrated, empty database a stage, for an engine that may have a bug; `open` opens pools of it. */
export async function setStage(
  open: (options: SqlOptions) => Sql,
  bug: Partial<Bug> = {},
): Promise<Stage & { close(): Promise<void> }> {
  const plain = open({ max: 1 })
  await makeSimulated(plain)
  if (bug.schema) await plain.unsafe(bug.schema).simple()
  await plain.end()
  // As many as ever wait for each other. One that is closed while it is idle would be replaced by one that writes elsewhere.
  const openPool = () => open({ max: 40, idle_timeout: 0, connection: simulatedSession })
  const side = open({ max: 4, connection: simulatedSession })
  const watch = open({ max: 1 })
  const { isThinking, stop } = watchThinking()
  const close = async (): Promise<void> => {
    stop()
    await Promise.all([side, watch].map((pool) => pool.end({ timeout: 5 })))
  }
  return { openPool, side, locks: locksOf(watch), isThinking, bug, close }
}
