import { setTimeout as pause } from 'node:timers/promises'
import { PostgresUnavailable } from '#shared/adapters/embedded-postgres/postgres-unavailable.ts'
import {
  startPostgres,
  type RunningPostgres,
} from '#shared/adapters/embedded-postgres/start-postgres.ts'
import { freeAll } from '#shared/database/held.ts'
import { migrate } from '#shared/database/migrate.ts'
import { findSuccessor } from '#shared/database/schema.ts'
import { connect, type Sql } from '#shared/database/sql.ts'
import type { Log } from '#shared/ports/log.ts'
import { CannotStart } from './home.ts'

export type Database = { sql: Sql; close(): Promise<void> }

const shortestPause = 1000
const longestPause = 16_000

/**
 * The Postgres that lives in a folder. One that ends by itself is started again, as often as it takes: what it acknowledged is on
 * disk, programs run on meanwhile, and whatever keeps it from starting, such as a full disk, a person can mend beside it.
 */
export async function openEmbedded(folder: string, log: Log): Promise<Database> {
  const closing = new AbortController()
  let server = await startPostgres({ folder, log })
  const sql = connect(server.url, server.options)

  async function keepRunning(): Promise<void> {
    for (;;) {
      const { tail } = await server.exited
      if (closing.signal.aborted) return
      log.error('the database ended by itself and is started again', { error: tail })
      const next = await startAgain(folder, log, closing.signal)
      if (!next) return
      server = next
    }
  }

  const kept = keepRunning()
  const close = async (): Promise<void> => {
    closing.abort()
    await sql.end({ timeout: 5 })
    await server.stop()
    await kept
  }
  try {
    await bring(sql, 'The database of this home')
    // The folder is ours alone: whoever held something in it is gone.
    await freeAll(sql)
  } catch (error) {
    await close()
    throw error
  }
  return { sql, close }
}

/** Brings a database to the schema of this release, unless a later one has been there. */
async function bring(sql: Sql, which: string): Promise<void> {
  const successor = await findSuccessor(sql)
  if (successor)
    throw new CannotStart(
      `${which} cannot be used: ${successor}.\nStart it with that release, or begin another home with --home DIR.`,
    )
  await migrate(sql)
}

/** Undefined when the home is closed before it has worked. */
async function startAgain(
  folder: string,
  log: Log,
  signal: AbortSignal,
): Promise<RunningPostgres | undefined> {
  for (let wait = shortestPause; !signal.aborted; wait = Math.min(2 * wait, longestPause)) {
    try {
      const server = await startPostgres({ folder, log })
      if (!signal.aborted) return server
      await server.stop()
    } catch (error) {
      const why = error instanceof PostgresUnavailable ? error.plain : error
      log.error('the database cannot be started, which is tried again', { error: why })
      await pause(wait, undefined, { signal }).catch(() => {})
    }
  }
  return undefined
}

/** A Postgres of somebody else. */
export async function openExternal(url: string): Promise<Database> {
  let sql: Sql | undefined
  const close = async () => sql?.end({ timeout: 5 })
  try {
    sql = connect(url)
    await bring(sql, 'The database of --database')
    return { sql, close }
  } catch (error) {
    await close()
    if (error instanceof CannotStart) throw error
    const { message } = error as Error
    throw new CannotStart(
      `The database of --database cannot be used: ${message}\nCheck that it runs and that its URL is right: postgres://USER:PASSWORD@HOST/DATABASE`,
    )
  }
}
