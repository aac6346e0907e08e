import type { Fragment, Queryable } from './sql.ts'

/** A window of time: from `since`, and for `duration` milliseconds when that is given. */
export type TimeWindow = { since?: Date | undefined; duration?: number | undefined }

/** The condition that a time is in the window. */
export function inWindow(sql: Queryable, time: Fragment, window: TimeWindow): Fragment {
  const { since, duration } = window
  if (!since) return sql`true`
  // As a number: Postgres reads no year 0 and none of five digits, which an offset can make of the first and the last.
  const begin = sql`to_timestamp(${since.getTime() / 1000})`
  if (duration === undefined) return sql`${time} >= ${begin}`
  return sql`${time} >= ${begin} and ${time} < ${begin} + ${duration} * interval '1 millisecond'`
}
