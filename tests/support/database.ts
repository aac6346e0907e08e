import { randomBytes } from 'node:crypto'
import { inject } from 'vitest'
import { connect, type Fragment, type Sql, type SqlOptions } from '#shared/database/sql.ts'

export type Database = {
  sql: Sql
  /** Back to what the migrations made. */
  empty(): Promise<void>
  /** Keeps all rows as they are now; what is given back brings back those, and no others, until other rows are kept. */
  keep(): Promise<() => Promise<void>>
  drop(): Promise<void>
}

/**
 * What changes all tables at once, by a connection of its own: without triggers and foreign keys no order of tables need be known,
 * and a session that switches them off and on forgets every plan of a statement it has made.
 */
async function allTables(url: string, options: SqlOptions) {
  const connection = { session_replication_role: 'replica' }
  const sql = connect(url, { ...options, max: 1, connection })
  const found = await sql<{ name: string }[]>`
    select tablename as name
      from pg_tables
     where schemaname = 'public' and tablename <> 'migration'`
  const tables = found.map(({ name }) => name)

  // One statement for all, which is planned once.
  const each = async (change: (table: string) => Fragment): Promise<void> => {
    const changes = tables.map((table) => sql`, ${sql(`of_${table}`)} as (${change(table)})`)
    await sql`with nothing as (select) ${changes} select from nothing`
  }
  const own = (table: string): Fragment => {
    if (table === 'plan') return sql`where name is null`
    if (table === 'output') return sql`where plan_id in (select id from plan where name is null)`
    return sql``
  }
  const empty = () => each((table) => sql`delete from ${sql(table)} ${own(table)}`)

  const makeRoom = async (): Promise<void> => {
    const made = tables.map((table) => `create unlogged table kept.${table} (like ${table});`)
    await sql.unsafe(`create schema kept; ${made.join(' ')}`)
  }
  const bringBack = async (): Promise<void> => {
    await empty()
    await each(
      (table) => sql`
        insert into ${sql(table)} overriding system value select * from ${sql(`kept.${table}`)}`,
    )
  }
  let room: Promise<void> | undefined
  const keep = async (): Promise<() => Promise<void>> => {
    await (room ??= makeRoom())
    await each((table) => sql`delete from ${sql(`kept.${table}`)}`)
    await each(
      (table) => sql`
        insert into ${sql(`kept.${table}`)} select * from ${sql(table)} ${own(table)}`,
    )
    return bringBack
  }
  return { empty, keep, end: () => sql.end({ timeout: 5 }) }
}

/** The server of all tests, and its migrated database to copy. */
export const testServer = () => inject('postgres')

/** A database of its own, migrated and empty, and how to get rid of it. */
export async function cloneDatabase(options: SqlOptions = {}): Promise<Database> {
  const { url, path, template } = testServer()
  const name = `test_${randomBytes(6).toString('hex')}`
  const admin = connect(url, { path, max: 1 })
  await admin.unsafe(`create database ${name} template ${template}`)
  const sql = connect(url, { path, database: name, max: 6, ...options })
  let opened: ReturnType<typeof allTables> | undefined
  const tables = () => (opened ??= allTables(url, { path, database: name }))
  return {
    sql,
    empty: async () => (await tables()).empty(),
    keep: async () => (await tables()).keep(),
    drop: async () => {
      await Promise.all([sql.end({ timeout: 5 }), opened?.then(({ end }) => end())])
      await admin.unsafe(`drop database ${name} with (force)`)
      await admin.end()
    },
  }
}
