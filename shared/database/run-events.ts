import type { RunStatus } from '#shared/domain/run-states.ts'
import type { Queryable } from './sql.ts'

/** A move of a run, as it is told to those who watch. */
export type RunEvent = {
  /** Larger than those of earlier moves, but for some that come about at the same time. */
  id: number
  runId: string
  /** Null when the run is gone. */
  planId: string | null
  attempt: number
  from: RunStatus | null
  status: RunStatus
  at: Date
  by: string
  reason: string | null
}

/** The next moves behind one, but for those that are known. */
export async function readRunEvents(
  sql: Queryable,
  behind: number,
  known: Iterable<number>,
  limit: number,
): Promise<RunEvent[]> {
  const rows = await sql<(Omit<RunEvent, 'id'> & { id: string })[]>`
    select run_history.id,
           run_id as "runId",
           run.plan_id as "planId",
           run_history.attempt,
           from_status as "from",
           run_history.status,
           at,
           actor as by,
           run_history.reason
      from run_history
      left join run on run.id = run_id
     where run_history.id > ${behind}
       and run_history.id <> all (${[...known]}::bigint[])
     order by run_history.id
     limit ${limit}`
  return rows.map((row) => ({ ...row, id: Number(row.id) }))
}

/** The last move there is; 0 before the first. */
export async function lastRunEvent(sql: Queryable): Promise<number> {
  const [last] = await sql<{ id: string }[]>`
    select id from run_history order by id desc limit 1`
  return Number(last?.id ?? 0)
}

/**
 * The last move that is so many seconds older than another one. Where nobody knows that one any more it is that one itself; but behind
 * the last there is it is of another database, as it was before a restore, and the last there is counts instead.
 */
export async function runEventBefore(sql: Queryable, id: number, seconds: number): Promise<number> {
  const [known] = await sql<{ at: Date }[]>`select at from run_history where id = ${id}`
  if (!known) {
    const last = await lastRunEvent(sql)
    return id <= last ? id : runEventBefore(sql, last, seconds)
  }
  const [before] = await sql<{ id: string }[]>`
    select id
      from run_history
     where id < ${id}
       and at < ${known.at}::timestamptz - ${seconds} * interval '1 s'
     order by id desc
     limit 1`
  return Number(before?.id ?? 0)
}
