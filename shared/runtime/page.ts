import { Problem } from '#shared/contracts/problems.ts'
import type { Page } from '#shared/database/page.ts'

type Asked = { limit?: number | undefined; after?: string | undefined }

/** The part of a list that is asked for; undefined for all of it. `find` says where the last one of the part before stands. */
export async function pageOf<Place>(
  { limit, after }: Asked,
  find: (id: string) => Promise<Place | undefined>,
): Promise<Page<Place> | undefined> {
  if (limit === undefined) {
    if (after === undefined) return undefined
    throw new Problem('bad-request', '"after" needs "limit": say how many are to follow.')
  }
  if (after === undefined) return { limit }
  const place = await find(after)
  if (place) return { limit, after: place }
  throw new Problem(
    'bad-request',
    `"after": there is no ${after} any more, behind which to go on; begin again without it.`,
  )
}
