import { tell, type By } from './outbox.ts'
import { storable, type Queryable, type Tx } from './sql.ts'

/** Deletes what a run has written, with the leases on it; the volumes become garbage. */
export async function dropOutputs(tx: Tx, runId: string, by: By): Promise<void> {
  await tx`delete from agent where knit_id in (select id from data where run_id = ${runId})`
  await tx`
    with dropped as (
      delete from data where run_id = ${runId} returning id
    )
    insert into garbage (volume)
    select 'data-knitid-' || id from dropped
        on conflict do nothing`
  await tell(tx, 'volume.dropped', runId, {}, by)
}

/** Of these volumes, makes garbage again of those that had been deleted; gives back how many there were. */
export async function dropRemade(
  sql: Queryable,
  volumes: readonly string[],
  by: By,
): Promise<number> {
  const { count } = await sql`
    with remade as (
      insert into garbage (volume)
      select volume from removed_volume where volume = any (${[...volumes]}::text[])
          on conflict do nothing
      returning volume
    ), told as (
      insert into outbox (type, subject, data, traceparent)
      select 'volume.dropped', 'garbage', '{}', ${by.traceparent ?? null}
        from remade
       limit 1
    )
    select from remade`
  return count
}

/** Volumes nobody needs any more that are due to be deleted, the oldest first. */
export async function findGarbage(sql: Queryable, limit: number): Promise<string[]> {
  const rows = await sql<{ volume: string }[]>`
    select volume from garbage where failures = 0 or due_at <= now() order by due_at limit ${limit}`
  return rows.map(({ volume }) => volume)
}

/** Notes that a volume has been deleted. */
export async function noteRemoved(sql: Queryable, volume: string): Promise<void> {
  await sql`
    with removed as (
      delete from garbage where volume = ${volume} returning volume
    )
    insert into removed_volume (volume)
    select volume from removed
        on conflict (volume) do update set removed_at = now()`
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

/** A volume that waits to be deleted, as admins see it. */
export type GarbageRow = {
  volume: string
  failures: number
  reason: string | null
  createdAt: Date
  dueAt: Date
}

/** Volumes that wait to be deleted, whose turn comes next first; only those that could not be when `stuck` says so. */
export async function listGarbage(
  sql: Queryable,
  { stuck, limit }: { stuck: boolean; limit: number },
): Promise<GarbageRow[]> {
  return sql<GarbageRow[]>`
    select volume, failures, reason, created_at as "createdAt", due_at as "dueAt"
      from garbage
     where ${stuck ? sql`failures > 0` : sql`true`}
     order by due_at, volume
     limit ${limit}`
}
