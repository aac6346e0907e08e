import type { Fitting } from '#shared/domain/combinations.ts'
import type { Fragment, Queryable } from './sql.ts'

/** So many data of an input are looked at. */
export const mostFits = 1000

/** An input, of a plan that is registered or not. */
export type Asking = {
  /** Absent for one that is not registered. */
  id?: number
  path: string
  /** What it asks for, as people read it. */
  asks: string[]
  /** Undefined when nothing can carry all of them. */
  tagIds: number[] | undefined
  knitId: string | null
  timestamp: Date | null
}

/** A registered plan, and how far its data have been looked for. */
export type KnownPlan = {
  id: string
  active: boolean
  paused: boolean
  /** Those that fit it are still to be matched: the ones behind the cursor, if there is one. */
  matching: boolean
  cursor: string | null
}

/** What was found of an input: what it can be filled with, and how many fit and will. */
export type Found = Fitting & { fits: number; pending: number }

/** The first data that fit an input, and how many will. Of a plan that is not registered all are fresh. */
export async function lookForData(
  sql: Queryable,
  input: Asking,
  plan: KnownPlan | undefined,
): Promise<Found> {
  const { tagIds, knitId, timestamp } = input
  if (tagIds === undefined) return { fresh: [], old: [], fits: 0, pending: 0 }
  const asked = sql`
    data.tags @> ${tagIds}::integer[]
     and ${knitId === null ? sql`true` : sql`data.id = ${knitId}`}`
  const fitting = sql`
    data.ready
     and ${asked}
     and ${timestamp === null ? sql`true` : sql`data.ended_at = ${timestamp}`}`
  const ready = await sql<{ id: string }[]>`
    select id
      from data
     where ${fitting}
     order by id
     limit ${mostFits}`
  const [pending] = await sql<{ count: number }[]>`
    select count(*)::integer as count
      from (
        select from data where ended_at is null and ${timestamp === null} and ${asked} limit ${mostFits}
      ) as soon`
  const ids = ready.map(({ id }) => id)
  const fresh = plan ? await freshOf(sql, plan, input.id ?? 0, fitting) : ids
  const isFresh = new Set(fresh)
  return {
    fresh,
    old: ids.filter((id) => !isFresh.has(id)),
    fits: ids.length,
    pending: pending?.count ?? 0,
  }
}

/**
 * The first data that fit an input and are still to be combined: those whose nomination is due, those that nobody has matched yet, and,
 * where the plan itself is being matched, those behind its cursor. All others that fit have been, however many they are. Last are those
 * of which a part has been.
 */
async function freshOf(
  sql: Queryable,
  { id: planId, matching, cursor }: KnownPlan,
  inputId: number,
  fitting: Fragment,
): Promise<string[]> {
  const unmatched = sql`
    ${fitting}
     and not exists (select from nomination where input_id = ${inputId} and knit_id = data.id)`
  const behindCursor = sql`
     union all
    (
      select id, false
        from data
       where ${unmatched}
         and ${cursor === null ? sql`true` : sql`data.id > ${cursor}`}
       order by id
       limit ${mostFits}
    )`
  const rows = await sql<{ id: string; isBegun: boolean }[]>`
    select id, "isBegun"
      from (
        (
          select knit_id as id, cursor is not null as "isBegun"
            from nomination
            join data on data.id = knit_id
           where nomination.plan_id = ${planId}
             and input_id = ${inputId}
             and due
             and ${fitting}
           order by knit_id
           limit ${mostFits}
        )
         union all
        (
          select match_task.knit_id, false
            from match_task
            join data on data.id = match_task.knit_id
           where ${unmatched}
           order by match_task.knit_id
           limit ${mostFits}
        )
        ${matching ? behindCursor : sql``}
      ) as fresh`
  const [begun, others] = [rows.filter((row) => row.isBegun), rows.filter((row) => !row.isBegun)]
  return [...new Set([...others, ...begun].map(({ id }) => id))]
}
