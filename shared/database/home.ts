import { sqlState, type Queryable, type Sql } from './sql.ts'
import { turns } from './turns.ts'

/** A local home as a database that is not inside it knows it: `place` is for people. */
export type Owner = { id: string; place: string }

/** Makes the session of a pool with one line that of the only home at work; false when another one is. */
export async function tryHold(sql: Sql): Promise<boolean> {
  const [row] = await sql<{ isHeld: boolean }[]>`
    select pg_try_advisory_lock(${turns.home}) as "isHeld"`
  return row?.isHeld === true
}

/** The same, however long another is. */
export async function hold(sql: Sql): Promise<void> {
  await sql`select pg_advisory_lock(${turns.home})`
}

/** The home that has the files of a database; undefined for one that no home has ever had. */
export async function findOwner(sql: Queryable): Promise<Owner | undefined> {
  try {
    const [owner] = await sql<Owner[]>`select id, place from home`
    return owner
  } catch (error) {
    // Not migrated yet.
    if (sqlState(error) === '42P01') return undefined
    throw error
  }
}

export async function rememberOwner(sql: Queryable, { id, place }: Owner): Promise<void> {
  await sql`
    insert into home (id, place)
    values (${id}, ${place})
        on conflict (is_only) do update
       set id = excluded.id,
           place = excluded.place,
           since = case when home.id = excluded.id then home.since else now() end`
}
