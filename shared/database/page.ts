import type { Place } from '#shared/domain/place.ts'
import type { IdSink } from './id-list.ts'

/** A part of a list that begins with the newest: at most so many, from behind the last one of the part before. */
export type Page = {
  limit: number
  after?: Place | undefined
  /** Where the last one stood when it was found; undefined when it is the last of all. Noted by who finds the part. */
  end?: Place
}

/** What takes the rows that are found: their ids go into a list, and where the page ends is noted on it. */
export function into(found: IdSink, page: Page | undefined) {
  let count = 0
  return ({ id, at = null }: { id: string; at?: Date | null }): void => {
    found.push(id)
    count += 1
    if (page && count === page.limit) page.end = { id, at }
  }
}
