import { Readable } from 'node:stream'
import { IdList } from '#shared/database/id-list.ts'
import { jsonText } from './respond.ts'
import { streamResponse, type StreamOptions } from './stream-response.ts'
import type { NodeBindings } from './read-request.ts'

// As many as who asks for a part may have at once.
const atOnce = 1000

/** Seconds that a list may take where a platform asks for an end: the longest that Knative lets anything take. */
export const longestList = 600

/** A list of more than one page, of which each is made when somebody takes it. */
export type LongList<T> = AsyncGenerator<T[], void>

/**
 * A list as it is answered: all of it where it is no more than a page, and else page by page, as fast as the reader takes them. Of
 * what is to come there are only the ids, so that there is no list, and no reader, who takes all memory.
 *
 * What it shows while things change: what was there when it was asked for, in the order of then, each once and as it is when its
 * page is made. What is gone by then is left out, and what has come since is not in it. (Pages one behind the other, each found when it
 * is made, would tell twice of a run that moves to the end, and never of data that end while the last ones are told.)
 */
export async function listed<T>(
  find: (found: IdList) => Promise<IdList>,
  show: (ids: string[]) => Promise<T[]>,
): Promise<T[] | LongList<T>> {
  const ids = await find(new IdList(atOnce))
  const [pages, count] = [ids.pages(), ids.length]
  // Made before the answer begins: what goes wrong so far is told as a problem.
  const first = await show(pages.next().value ?? [])
  return count > atOnce ? followed(first, pages, show) : first
}

async function* followed<T>(
  first: T[],
  pages: Iterable<string[]>,
  show: (ids: string[]) => Promise<T[]>,
): LongList<T> {
  yield first
  for (const page of pages) yield await show(page)
}

export const isLongList = (result: unknown): result is LongList<unknown> =>
  typeof result === 'object' && result !== null && Symbol.asyncIterator in result

/** Answers with a long list, in the same bytes as if it were short. One that cannot go on is cut, so that nobody takes it for the whole. */
export const longListResponse = (
  list: LongList<unknown>,
  isPretty: boolean,
  bindings: NodeBindings,
  options: Omit<StreamOptions, 'type'>,
): Response =>
  streamResponse(Readable.from(texts(list, isPretty)), bindings, {
    ...options,
    type: 'application/json',
  })

async function* texts(list: LongList<unknown>, isPretty: boolean): AsyncGenerator<Buffer> {
  let before = '['
  for await (const page of list) {
    if (page.length === 0) continue
    // Without its own brackets, and the line of the last one.
    yield Buffer.from(before + jsonText(page, isPretty).slice(1, -2).trimEnd())
    before = ','
  }
  yield Buffer.from(before === '[' ? '[]\n' : isPretty ? '\n]\n' : ']\n')
}
