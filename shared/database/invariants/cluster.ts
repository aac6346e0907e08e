import type { Queryable } from '../sql.ts'
import { overdue, type Moment } from './invariant.ts'

/** Of the data with these ids, those that have a row. */
export async function findExisting(sql: Queryable, knitIds: readonly string[]): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`
    select id from data where id = any (${[...knitIds]}::uuid[])`
  return rows.map(({ id }) => id)
}

/** Of these volumes, those that are to be deleted. */
export async function findDoomed(sql: Queryable, volumes: readonly string[]): Promise<string[]> {
  const rows = await sql<{ volume: string }[]>`
    select volume from garbage where volume = any (${[...volumes]}::text[])`
  return rows.map(({ volume }) => volume)
}

/** Data that have a volume by what they are: usable, or just being written by a program. The next so many by id. */
export async function listKept(
  sql: Queryable,
  after: string | undefined,
  limit: number,
): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`
    select data.id
      from data
      join run on run.id = data.run_id
      join plan on plan.id = run.plan_id
     where (${after ?? null}::uuid is null or data.id > ${after ?? null}::uuid)
       and (data.ready or plan.name is null and status in ('ready', 'starting', 'running', 'completing'))
     order by data.id
     limit ${limit}`
  return rows.map(({ id }) => id)
}

type Attempt = { id: string; attempt: number }

/** Of these attempts, those that have needed no worker for longer than the patience. */
export async function findOver(
  sql: Queryable,
  attempts: readonly Attempt[],
  moment: Moment,
): Promise<Attempt[]> {
  return sql<Attempt[]>`
    select told.id, told.attempt
      from unnest(
             ${attempts.map(({ id }) => id)}::uuid[],
             ${attempts.map(({ attempt }) => attempt)}::integer[]
           ) as told (id, attempt)
      left join run on run.id = told.id
     where run.id is null
        or (
             status not in ('ready', 'starting', 'running', 'completing', 'aborting')
             or run.attempt <> told.attempt
           )
           and ${overdue(sql, 'updated_at', moment)}`
}

/** Attempts whose program has been running, as far as we know, for longer than the patience. */
export async function listRunning(sql: Queryable, moment: Moment): Promise<Attempt[]> {
  return sql<Attempt[]>`
    select run.id, attempt
      from run
      join plan on plan.id = plan_id and plan.name is null
     where status = 'running'
       and ${overdue(sql, 'updated_at', moment)}`
}
