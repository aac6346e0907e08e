import { afterHeader } from '#shared/contracts/page.ts'
import { Problem } from '#shared/contracts/problems.ts'
import type { Page } from '#shared/database/page.ts'
import { formatPlace, type After, type Place } from '#shared/domain/place.ts'
import type { LongList } from './long-list.ts'

type Asked = { limit?: number | undefined; after?: After | undefined }

/** The part of a list that is asked for; undefined for all of it. `find` says where something stands now that is known by its id alone. */
export async function pageOf(
  { limit, after }: Asked,
  find: (id: string) => Promise<Place | undefined>,
): Promise<Page | undefined> {
  if (limit === undefined) {
    if (after === undefined) return undefined
    throw new Problem('bad-request', '"after" needs "limit": say how many are to follow.')
  }
  if (after === undefined) return { limit }
  const place = 'at' in after ? after : await find(after.id)
  if (place) return { limit, after: place }
  throw new Problem(
    'bad-request',
    `"after": there is no ${after.id} any more, behind which to go on; begin again without it.`,
  )
}

/** A part of a list as it is answered, with what is asked for next. */
export class Part<T> {
  readonly value: T[] | LongList<T>
  readonly headers: Record<string, string>

  constructor(value: T[] | LongList<T>, end: Place) {
    this.value = value
    this.headers = { [afterHeader.toLowerCase()]: formatPlace(end) }
  }
}

/** What was found of a page, with where it goes on if there may be more. */
export const partOf = <T>(
  found: T[] | LongList<T>,
  page: Page | undefined,
): T[] | LongList<T> | Part<T> => (page?.end ? new Part(found, page.end) : found)
