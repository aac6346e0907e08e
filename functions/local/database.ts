import { setTimeout as pause } from 'node:timers/promises'
import { PostgresUnavailable } from '#shared/adapters/embedded-postgres/postgres-unavailable.ts'
import {
  startPostgres,
  type RunningPostgres,
} from '#shared/adapters/embedded-postgres/start-postgres.ts'
import { freeAll } from '#shared/database/held.ts'
import { rememberOwner } from '#shared/database/home.ts'
import { migrate } from '#shared/database/migrate.ts'
import { findSuccessor } from '#shared/database/schema.ts'
import { connect, readingFor, waitingFor, type Sql, type SqlOptions } from '#shared/database/sql.ts'
import type { Log } from '#shared/ports/log.ts'
import type { Config } from '#shared/runtime/config.ts'
import { CannotStart } from './home.ts'
import { own, type Ownership } from './ownership.ts'

/** `reads` is for those who only read, so that they keep no connection from others, and none for long. */
export type Database = { sql: Sql; reads: Sql; close(): Promise<void> }

type Settings = Pick<Config, 'statementTimeout'>

const poolsOf = (url: string, { statementTimeout }: Settings, options: SqlOptions = {}) => ({
  sql: connect(url, { ...options, ...waitingFor(statementTimeout) }),
  reads: connect(url, { ...options, ...readingFor(statementTimeout) }),
})

const endOf = async ({ sql, reads }: Pick<Database, 'sql' | 'reads'>): Promise<void> => {
  await Promise.all([sql.end({ timeout: 5 }), reads.end({ timeout: 5 })])
}

const shortestPause = 1000
const longestPause = 16_000

/**
 * The Postgres that lives in a folder. One that ends by itself is started again, as often as it takes: what it acknowledged is on
 * disk, programs run on meanwhile, and whatever keeps it from starting, such as a full disk, a person can mend beside it.
 */
export async function openEmbedded(
  folder: string,
  log: Log,
  settings: Settings,
): Promise<Database> {
  const closing = new AbortController()
  let server = await startPostgres({ folder, log })
  const pools = poolsOf(server.url, settings, server.options)

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
    await endOf(pools)
    await server.stop()
    await kept
  }
  try {
    await bring(pools.sql, 'The database of this home')
    // The folder is ours alone: whoever held something in it is gone.
    await freeAll(pools.sql)
  } catch (error) {
    await close()
    throw error
  }
  return { ...pools, close }
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

/** A Postgres of somebody else, which one home has at a time. */
export async function openExternal(
  url: string,
  settings: Settings,
  ownership: Ownership,
): Promise<Database> {
  let pools: Pick<Database, 'sql' | 'reads'> | undefined
  let letGo: (() => Promise<void>) | undefined
  const close = async () => {
    if (pools) await endOf(pools)
    await letGo?.()
  }
  try {
    pools = poolsOf(url, settings)
    letGo = await own(url, ownership)
    await bring(pools.sql, 'The database of --database')
    await rememberOwner(pools.sql, ownership.own)
    return { ...pools, close }
  } catch (error) {
    await close()
    if (error instanceof CannotStart) throw error
    const { message } = error as Error
    throw new CannotStart(
      `The database of --database cannot be used: ${message}\nCheck that it runs and that its URL is right: postgres://USER:PASSWORD@HOST/DATABASE`,
    )
  }
}
