import * as z from 'zod'
import { data } from '#shared/contracts/data.ts'
import type { AuditEntry } from '#shared/domain/audit.ts'
import type { DataDetail } from '#shared/domain/data.ts'
import type { PlanDetail } from '#shared/domain/plan.ts'
import type { RunDetail } from '#shared/domain/run.ts'
import { flag, type Format } from './args.ts'
import type { Context } from './context.ts'
import { printEach, type Column } from './output.ts'

const mostAtOnce = 1000
// Of which some are kept.
const fewestAtOnce = 100

export const limitArgs = {
  limit: flag(
    z.coerce
      .number('expected a number from 1 on')
      .int('expected a number from 1 on')
      .min(1, 'expected a number from 1 on')
      .optional()
      .describe(data.find.query.shape.limit.description ?? ''),
    { hint: 'N' },
  ),
}

/** A kind of things that are found: the id of one, and the time by which lists of them are in order, as far as there is one. */
type Kind<T> = { idOf: (thing: T) => string; timeOf: (thing: T) => number }

type Pages<T> = Kind<T> & {
  ask: (page: { limit: number; after?: string | undefined }) => Promise<T[]>
  /** Which of them are wanted, where the server cannot be asked for these alone. */
  keep?: (thing: T) => boolean
}

/** What can be asked for a part, or for all there is, the newest last. */
type Search<T> = Pages<T> & { all: () => AsyncIterable<T> }

export const ofData: Kind<DataDetail> = {
  idOf: ({ knitId }) => knitId,
  // What has no time yet is newer than all that has.
  timeOf: ({ tags }) => {
    const time = tags.find((tag) => tag.startsWith('knit#timestamp:'))
    return time === undefined ? Infinity : Date.parse(time.slice('knit#timestamp:'.length))
  },
}

export const ofRuns: Kind<RunDetail> = {
  idOf: ({ runId }) => runId,
  timeOf: ({ updatedAt }) => Date.parse(updatedAt),
}

export const ofPlans: Kind<PlanDetail> = { idOf: ({ planId }) => planId, timeOf: () => 0 }

export const ofAudit: Kind<AuditEntry> = {
  idOf: ({ auditId }) => auditId,
  timeOf: ({ time }) => Date.parse(time),
}

/** Prints all that is found, or the newest of it, as they come. */
export async function printFound<T>(
  ctx: Context,
  search: Search<T>,
  { limit, output }: { limit?: number | undefined; output: Format },
  columns: readonly Column<T>[],
): Promise<void> {
  const found = limit === undefined ? all(search) : newest(search, limit)
  await printEach(ctx, found, { output }, columns)
}

async function* all<T>({ all, keep }: Search<T>): AsyncGenerator<T> {
  for await (const thing of all()) if (!keep || keep(thing)) yield thing
}

/** The newest of what is found first, asked for page after page until there are as many as are wanted. */
export async function* newest<T>(search: Pages<T>, limit: number): AsyncGenerator<T> {
  const { ask, idOf, keep } = search
  let left = limit
  for (let after: string | undefined; left > 0;) {
    const atOnce = Math.min(keep ? Math.max(left, fewestAtOnce) : left, mostAtOnce)
    const came = await ask({ limit: atOnce, after })
    const isAll = came.length < atOnce || isOldestFirst(came, search)
    if (isOldestFirst(came, search)) came.reverse()
    for (const thing of keep ? came.filter(keep) : came) {
      yield thing
      if ((left -= 1) === 0) return
    }
    const last = came.at(-1)
    if (isAll || last === undefined) return
    after = idOf(last)
  }
}

/** Servers of the reference implementation know no pages: they send all there is, the newest last. */
function isOldestFirst<T>(came: readonly T[], { idOf, timeOf }: Kind<T>): boolean {
  const [first, last] = [came[0], came.at(-1)]
  if (first === undefined || last === undefined) return false
  return (timeOf(first) - timeOf(last) || (idOf(first) < idOf(last) ? -1 : 0)) < 0
}
