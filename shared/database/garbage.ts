import { storable, type Queryable } from './sql.ts'

/** Volumes nobody needs any more that are due to be deleted, the oldest first. */
export async function findGarbage(sql: Queryable, limit: number): Promise<string[]> {
  const rows = await sql<{ volume: string }[]>`
    select volume from garbage where due_at <= now() order by due_at limit ${limit}`
  return rows.map(({ volume }) => volume)
}

/** Forgets a volume that has been deleted. */
export async function dropGarbage(sql: Queryable, volume: string): Promise<void> {
  await sql`delete from garbage where volume = ${volume}`
}

/** Puts off a volume that could not be deleted, with the reason. */
export async function postponeGarbage(
  sql: Queryable,
  volume: string,
  reason: string,
): Promise<void> {
  await sql`
    update garbage
       set failures = least(failures + 1, 1000),
           due_at = now() + least(power(2, failures), 600) * interval '1 second',
           reason = ${storable(reason)}
     where volume = ${volume}`
}
