import { readdir, readFile } from 'node:fs/promises'
import { runMovesGuard } from './run-moves.ts'
import { begin, type Sql } from './sql.ts'

/** The folder of this release's migrations. */
export const migrations = new URL('./migrations/', import.meta.url)
// Any number, the same in every release: two migrators take turns.
const turn = 4_127_090_815

export const isMigration = (name: string): boolean => name.endsWith('.sql')

/**
 * Brings the schema to this release: every migration not applied yet, in order, each in a transaction with its row. While that is
 * done functions of the release before are at work, and they may come back: what they need stays until a later release. A migration
 * that takes something away says whom it still serves, in a line `-- serves from NAME`: releases whose last migration is that, or a
 * later one.
 */
export async function migrate(sql: Sql, from: URL = migrations): Promise<string[]> {
  await begin(sql, async (tx) => {
    await tx`select pg_advisory_xact_lock(${turn})`
    await tx`
      create table if not exists migration (
        name text primary key,
        applied_at timestamptz not null default now(),
        serves_from text
      )`
    await tx`alter table migration add column if not exists serves_from text`
  })
  const names = (await readdir(from)).filter(isMigration).sort()
  const applied: string[] = []
  for (const name of names) {
    if (await apply(sql, name, await readFile(new URL(name, from), 'utf8'))) applied.push(name)
  }
  await begin(sql, async (tx) => {
    await tx`select pg_advisory_xact_lock(${turn})`
    await tx.unsafe(runMovesGuard()).simple()
  })
  return applied
}

async function apply(sql: Sql, name: string, text: string): Promise<boolean> {
  return begin(sql, async (tx) => {
    await tx`select pg_advisory_xact_lock(${turn})`
    const [there] = await tx`select 1 from migration where name = ${name}`
    if (there) return false
    await tx.unsafe(text).simple()
    const [, servesFrom = null] = /^-- serves from (\S+)$/m.exec(text) ?? []
    await tx`insert into migration (name, serves_from) values (${name}, ${servesFrom})`
    return true
  })
}
