import { readdir, readFile } from 'node:fs/promises'
import { runMovesGuard } from './run-moves.ts'
import { begin, type Sql } from './sql.ts'

const folder = new URL('./migrations/', import.meta.url)
// Any number, the same in every release: two migrators take turns.
const turn = 4_127_090_815

/** Brings the schema to this release: every migration not applied yet, in order, each in a transaction with its row. */
export async function migrate(sql: Sql, from: URL = folder): Promise<string[]> {
  await begin(sql, async (tx) => {
    await tx`select pg_advisory_xact_lock(${turn})`
    await tx`
      create table if not exists migration (
        name text primary key,
        applied_at timestamptz not null default now()
      )`
  })
  const names = (await readdir(from)).filter((name) => name.endsWith('.sql')).sort()
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
    await tx`insert into migration (name) values (${name})`
    return true
  })
}
