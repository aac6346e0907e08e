import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { runMovesGuard } from './run-moves.ts'
import { begin, isHeld, type Sql, type Tx } from './sql.ts'
import { turns } from './turns.ts'

/** The folder of this release's migrations. */
export const migrations = new URL('./migrations/', import.meta.url)
// Milliseconds that a migration waits for a table somebody uses: behind it everybody waits, also who would only read. Then all of them pass.
const waitFor = 1000
const letPass = 1000

export const isMigration = (name: string): boolean => name.endsWith('.sql')

/** Which release is the oldest that a migration still serves, by the last migration of that; undefined where it serves every one. */
export const servedBy = (text: string): string | undefined =>
  /^-- serves from (\S+)$/m.exec(text)?.[1]

/**
 * Brings the schema to this release: every migration not applied yet, in order, each in a transaction with its row. While that is
 * done functions of the release before are at work, and they may come back: what they need stays until a later release. A migration
 * that takes something away says whom it still serves, in a line `-- serves from NAME`: releases whose last migration is that, or a
 * later one. `onHeld` is told each time that a table is in use for so long that others are let pass.
 */
export async function migrate(
  sql: Sql,
  from: URL = migrations,
  onHeld: () => void = () => {},
): Promise<string[]> {
  const inTurn = <T>(work: (tx: Tx) => Promise<T>) => takeTurns(sql, work, onHeld)
  await inTurn(async (tx) => {
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
    const text = await readFile(new URL(name, from), 'utf8')
    if (await inTurn((tx) => apply(tx, name, text))) applied.push(name)
  }
  await inTurn((tx) => tx.unsafe(runMovesGuard()).simple())
  return applied
}

async function apply(tx: Tx, name: string, text: string): Promise<boolean> {
  const [there] = await tx`select 1 from migration where name = ${name}`
  if (there) return false
  await tx.unsafe(text).simple()
  await tx`insert into migration (name, serves_from) values (${name}, ${servedBy(text) ?? null})`
  return true
}

/** A transaction that no other migrator has at the same time, again and again until nobody uses a table that it needs. */
async function takeTurns<T>(
  sql: Sql,
  work: (tx: Tx) => Promise<T>,
  onHeld: () => void,
): Promise<T> {
  for (;;) {
    try {
      return await begin(sql, async (tx) => {
        await tx`select pg_advisory_xact_lock(${turns.migrating})`
        await tx`select set_config('lock_timeout', ${`${waitFor}ms`}, true)`
        return work(tx)
      })
    } catch (error) {
      if (!isHeld(error)) throw error
    }
    onHeld()
    await pause(letPass)
  }
}
