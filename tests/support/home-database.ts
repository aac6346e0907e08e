import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, type Sql } from '#shared/database/sql.ts'

/** The server inside a local home, as it describes itself: its first process, and its socket. */
export function serverOf(home: string): { pid: number; socket: string } {
  const lines = readFileSync(join(home, 'postgres/data/postmaster.pid'), 'utf8').split('\n')
  return { pid: Number(lines[0]), socket: join(lines[4] ?? '', `.s.PGSQL.${lines[3]}`) }
}

/** Connects to the database of a local home, beside it. */
export const databaseOf = (home: string): Sql =>
  connect('postgres://knit@embedded-postgres.invalid/postgres', {
    path: serverOf(home).socket,
    max: 2,
  })
