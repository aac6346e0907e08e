import type { Fragment, Queryable } from '../sql.ts'

/** What the questions have to know of the system beside its tables. */
export type Moment = {
  /** Seconds that work may be in progress. With 0 the system is at rest: nothing may be left to do. */
  patience: number
  /** Failures after which a call of an after-hook is given up. */
  maxHookFailures: number
  /** For how many days the history of runs is kept. */
  keepHistory: number
  /** What must not be kept where people read. */
  secrets: readonly string[]
}

/**
 * A sentence that holds whenever it is asked, whatever goes on, and the question for what breaks it: a row for each, with its id
 * in `thing`. One statement, so that it sees one moment.
 */
export type Invariant = {
  sentence: string
  broken(sql: Queryable, moment: Moment): Fragment
}

/** What is older than the patience. */
export const overdue = (sql: Queryable, column: string, { patience }: Moment): Fragment =>
  sql`${sql(column)} < now() - ${patience} * interval '1 second'`
