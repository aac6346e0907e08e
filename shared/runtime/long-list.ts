import { randomUUID } from 'node:crypto'
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
  show: (ids: string[]) => Promise<T[]> | AsyncIterable<T[]>,
): Promise<T[] | LongList<T>> {
  const ids = await find(new IdList(atOnce))
  const made = partsOf(ids.pages(), show)
  // Made before the answer begins: what goes wrong so far is told as a problem.
  const first = (await made.next()).value ?? []
  if (ids.length > atOnce) return followed([first], made)
  const second = await made.next()
  if (!second.done) return followed([first, second.value], made)
  return first.some(isLong) ? followed([first], made) : first
}

async function* partsOf<T>(
  pages: Iterable<string[]>,
  show: (ids: string[]) => Promise<T[]> | AsyncIterable<T[]>,
): LongList<T> {
  for (const page of pages) {
    const shown = show(page)
    if (Symbol.asyncIterator in shown) yield* shown
    else yield await shown
  }
}

async function* followed<T>(first: readonly T[][], others: LongList<T>): LongList<T> {
  yield* first
  yield* others
}

/** Things in which lists may be longer than what is held: page by page, where they are. */
export type Long<T> = {
  [K in keyof T]: T[K] extends (infer U)[] ? T[K] | LongList<U> : T[K]
}

const isLongList = (result: unknown): result is LongList<unknown> =>
  typeof result === 'object' && result !== null && Symbol.asyncIterator in result

/** Whether there is a list in a thing that is longer than what is held. */
const isLong = (thing: unknown): boolean =>
  typeof thing === 'object' && thing !== null && Object.values(thing).some(isLongList)

/** Whether something is answered bit by bit: a long list, or a thing with one in it. */
export const isLongAnswer = (result: unknown): boolean => isLongList(result) || isLong(result)

/** Answers with what is long, in the same bytes as if it were short. What cannot go on is cut, so that nobody takes it for the whole. */
export const longResponse = (
  answer: unknown,
  isPretty: boolean,
  bindings: NodeBindings,
  options: Omit<StreamOptions, 'type'>,
): Response =>
  streamResponse(Readable.from(document(answer, isPretty)), bindings, {
    ...options,
    type: 'application/json',
  })

async function* document(answer: unknown, isPretty: boolean): AsyncGenerator<Buffer> {
  const texts = isLongList(answer)
    ? listText(answer, isPretty, '')
    : filled(marked(answer, isPretty), isPretty)
  for await (const text of texts) yield Buffer.from(text)
  yield Buffer.from('\n')
}

/** A list as it is written in a document, behind so much white space. */
async function* listText(
  list: LongList<unknown>,
  isPretty: boolean,
  indent: string,
): AsyncGenerator<string> {
  let before = '['
  for await (const page of list) {
    if (page.length === 0) continue
    const whole = marked(page, isPretty)
    // Without its own brackets, and the line of the last one.
    const inner = { ...whole, text: whole.text.slice(1, -1).trimEnd() }
    for await (const text of filled(inner, isPretty)) {
      yield before + (indent === '' ? text : text.replaceAll('\n', `\n${indent}`))
      before = ''
    }
    before = ','
  }
  yield before === '[' ? '[]' : isPretty ? `\n${indent}]` : ']'
}

/** A document in which long lists have only their places. */
type Marked = { text: string; mark: string; lists: LongList<unknown>[] }

function marked(value: unknown, isPretty: boolean): Marked {
  // Nobody could have written it: it is not known before.
  const mark = randomUUID()
  const lists: LongList<unknown>[] = []
  const replace = (_: string, part: unknown): unknown => {
    if (!isLongList(part)) return part
    lists.push(part)
    return mark
  }
  const hasLong = isLong(value) || (Array.isArray(value) && value.some(isLong))
  return { text: jsonText(value, isPretty, hasLong ? replace : undefined).trimEnd(), mark, lists }
}

/** The document piece by piece, with its long lists. */
async function* filled({ text, mark, lists }: Marked, isPretty: boolean): AsyncGenerator<string> {
  const [head = '', ...others] = lists.length > 0 ? text.split(`"${mark}"`) : [text]
  yield head
  let indent = indentOf(head)
  for (const [at, other] of others.entries()) {
    const list = lists[at]
    if (list) yield* listText(list, isPretty, indent)
    yield other
    indent = indentOf(other)
  }
}

/** The white space before what is last in a text. */
const indentOf = (text: string): string =>
  /^ */.exec(text.slice(text.lastIndexOf('\n') + 1))?.[0] ?? ''
