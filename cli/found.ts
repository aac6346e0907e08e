import * as z from 'zod'
import type { CallOptions } from '#shared/client/api.ts'
import { data } from '#shared/contracts/data.ts'
import { afterHeader } from '#shared/contracts/page.ts'
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

/** Asks for a part of them. */
export type Ask<T> = (
  page: { limit: number; after?: string | undefined },
  told: Pick<CallOptions, 'onHeaders'>,
) => Promise<T[]>

type Pages<T> = Kind<T> & {
  ask: Ask<T>
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

/** The newest of what is found first, each once, asked for page after page until there are as many as are wanted. */
export async function* newest<T>(search: Pages<T>, limit: number): AsyncGenerator<T> {
  const { idOf, keep = () => true } = search
  // What ends meanwhile comes once more, among what has ended.
  const seen = new Set<string>()
  const isNew = (thing: T) => seen.size < seen.add(idOf(thing)).size
  let left = limit
  for (let after: string | undefined; left > 0;) {
    const atOnce = Math.min(search.keep ? Math.max(left, fewestAtOnce) : left, mostAtOnce)
    const page = await askFor(search, { limit: atOnce, after })
    for (const thing of page.things.filter(isNew).filter(keep)) {
      yield thing
      if ((left -= 1) === 0) return
    }
    if (page.next === undefined) return
    after = page.next
  }
}

/** A page, the newest first, and behind what the next one begins; undefined when there is none. */
async function askFor<T>(search: Pages<T>, page: { limit: number; after: string | undefined }) {
  let told: string | undefined
  const things = await search.ask(page, {
    onHeaders: (headers) => {
      told = headers.get(afterHeader.toLowerCase()) ?? undefined
    },
  })
  if (isOldestFirst(things, search)) return { things: things.reverse(), next: undefined }
  const last = things.at(-1)
  // Who does not say where a list goes on takes the id of its last one, as it stands by then.
  const next = things.length < page.limit || last === undefined ? undefined : search.idOf(last)
  return { things, next: told ?? next }
}

/** Servers of the reference implementation know no pages: they send all there is, the newest last. */
function isOldestFirst<T>(came: readonly T[], { idOf, timeOf }: Kind<T>): boolean {
  const [first, last] = [came[0], came.at(-1)]
  if (first === undefined || last === undefined) return false
  return (timeOf(first) - timeOf(last) || (idOf(first) < idOf(last) ? -1 : 0)) < 0
}
