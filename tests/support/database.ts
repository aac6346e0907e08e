import { randomBytes } from 'node:crypto'
import { inject } from 'vitest'
import { connect, type Sql, type SqlOptions } from '#shared/database/sql.ts'
import { template } from './global-postgres.ts'

export type Database = {
  sql: Sql
  /** Back to what the migrations made. */
  empty(): Promise<void>
  drop(): Promise<void>
}

// Without triggers and foreign keys, so that no order of tables need be known.
const emptyAll = `
do $$
declare name text;
begin
  set local session_replication_role = replica;
  for name in
    select tablename from pg_tables
     where schemaname = 'public' and tablename not in ('migration', 'plan', 'output')
  loop
    execute format('delete from %I', name);
  end loop;
  delete from output where plan_id in (select id from plan where plan.name is null);
  delete from plan where plan.name is null;
end $$`

/** The server of all tests, and its migrated database to copy. */
export const testServer = () => ({ ...inject('postgres'), template })

/** A database of its own, migrated and empty, and how to get rid of it. */
export async function cloneDatabase(options: SqlOptions = {}): Promise<Database> {
  const { url, path } = inject('postgres')
  const name = `test_${randomBytes(6).toString('hex')}`
  const admin = connect(url, { path, max: 1 })
  await admin.unsafe(`create database ${name} template ${template}`)
  const sql = connect(url, { path, database: name, max: 6, ...options })
  return {
    sql,
    empty: async () => void (await sql.unsafe(emptyAll)),
    drop: async () => {
      await sql.end({ timeout: 5 })
      await admin.unsafe(`drop database ${name} with (force)`)
      await admin.end()
    },
  }
}
