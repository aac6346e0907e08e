import * as z from 'zod'
import { Invalid } from './invalid.ts'
import { isId } from './ids.ts'
import { formatTime, parseTime } from './time.ts'

/** A tag: any number of them may share a key. Identity is the exact pair. */
export type Tag = { key: string; value: string }

export const systemPrefix = 'knit#'
export const transientValues = ['processing', 'failed'] as const
export type Transient = (typeof transientValues)[number]

export const isSystemTag = (tag: Tag): boolean => tag.key.startsWith(systemPrefix)

export const formatTag = (tag: Tag): string => `${tag.key}:${tag.value}`

/** Reads `KEY:VALUE`: split at the first colon, both sides trimmed. Throws `Invalid`. */
export function parseTag(text: string): Tag {
  return checkedTag(splitTag(text))
}

function splitTag(text: string): Tag {
  const colon = text.indexOf(':')
  if (colon < 0)
    throw new Invalid('bad tag', `the tag "${text}" has no colon; write it as KEY:VALUE`)
  return checkedText(trimmed({ key: text.slice(0, colon), value: text.slice(colon + 1) }))
}

/** Checked as text is, so that it is a tag that text could say as well. */
function tagOfObject(given: Tag): Tag {
  if (given.key.includes(':'))
    throw new Invalid(
      'bad tag',
      `the key "${given.key.toWellFormed()}" of a tag has a colon, where KEY:VALUE would end it`,
    )
  return checkedTag(trimmed(given))
}

const trimmed = ({ key, value }: Tag): Tag => ({ key: key.trim(), value: value.trim() })

function checkedText(tag: Tag): Tag {
  if (tag.key.includes('\0') || tag.value.includes('\0'))
    throw new Invalid(
      'bad tag',
      `the tag "${tag.key}" contains a NUL character, which cannot be stored`,
    )
  if (!tag.key.isWellFormed() || !tag.value.isWellFormed())
    throw new Invalid('bad tag', `the tag "${tag.key.toWellFormed()}" is not valid Unicode text`)
  return tag
}

function checkedTag(tag: Tag): Tag {
  checkedText(tag)
  if (tag.key === 'knit#timestamp') timestampOf(tag)
  if (tag.key === 'knit#transient' && !transientValues.includes(tag.value as Transient))
    throw new Invalid(
      'bad tag',
      `"${tag.value}" is no value of knit#transient; it is "processing" or "failed"`,
    )
  return tag
}

function timestampOf(tag: Tag): Date {
  const time = parseTime(tag.value)
  if (!time)
    throw new Invalid(
      'bad tag',
      `"${tag.value}" is no value of knit#timestamp; it is an RFC 3339 date-time such as 2026-01-31T12:34:56.789+00:00`,
    )
  return time
}

/** A tag as text `KEY:VALUE`, or as an object, whose key and value are trimmed as those of text are. */
export const TagIn = z
  .union([z.string(), z.object({ key: z.string(), value: z.string() })], {
    error: 'a tag is text KEY:VALUE, or an object with the texts key and value',
  })
  // Read behind the union: one of its branches could not say what is wrong with a tag.
  .transform((tag, ctx) =>
    tagOrIssue(() => (typeof tag === 'string' ? parseTag(tag) : tagOfObject(tag)), ctx),
  )
  .describe('A tag, as "KEY:VALUE" or as an object with key and value.')

/** A tag in a query parameter. */
export const TagText = z
  .string()
  .transform((text, ctx) => tagOrIssue(() => parseTag(text), ctx))
  .describe('A tag: KEY:VALUE.')

/** A tag plans are searched by: a system tag whose value can never be is no fault there, but finds nothing. */
export const SoughtTagText = z
  .string()
  .transform((text, ctx) => tagOrIssue(() => splitTag(text), ctx))
  .describe('A tag: KEY:VALUE.')

function tagOrIssue(parse: () => Tag, ctx: z.RefinementCtx): Tag {
  try {
    return parse()
  } catch (error) {
    if (!(error instanceof Invalid)) throw error
    ctx.addIssue({ code: 'custom', message: error.message })
    return z.NEVER
  }
}

export type TagLimits = { maxTags: number; maxTagBytes: number }

/** Refuses more tags, or a longer one, than the caps allow, naming the cap. */
export function checkTagLimits(tags: readonly Tag[], limits: TagLimits): void {
  if (tags.length > limits.maxTags)
    throw new Invalid(
      'bad tag',
      `${tags.length} tags are too many; the limit (maxTags) is ${limits.maxTags}`,
    )
  for (const tag of tags) {
    const bytes = Buffer.byteLength(tag.key) + Buffer.byteLength(tag.value)
    if (bytes > limits.maxTagBytes)
      throw new Invalid(
        'bad tag',
        `the tag "${tag.key.slice(0, 60)}" has ${bytes} bytes; the limit (maxTagBytes) is ${limits.maxTagBytes}`,
      )
  }
}

/** Sorted by key, then value, in byte order, without doubles: how tags are shown and hashed. */
export function sortTags(tags: Iterable<Tag>): Tag[] {
  const sorted = [...tags].sort(compareTags)
  return sorted.filter((tag, at) => {
    const before = sorted[at - 1]
    return before === undefined || compareTags(before, tag) !== 0
  })
}

export const compareTags = (a: Tag, b: Tag): number =>
  compareBytes(a.key, b.key) || compareBytes(a.value, b.value)

const surrogate = /[\ud800-\udfff]/

/** Byte order of UTF-8, from which JavaScript's order of UTF-16 units differs where there are pairs of these. */
export function compareBytes(a: string, b: string): number {
  if (surrogate.test(a) || surrogate.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b))
  if (a === b) return 0
  return a < b ? -1 : 1
}

/** Tags split into the user's own and what they ask of the system. */
export type TagQuery = {
  user: Tag[]
  knitId?: string
  timestamp?: Date
  transient?: Transient
  /** True when no data can ever fit: two values of one system tag, an unknown one, or a malformed id. */
  impossible: boolean
}

/** Reads a list of tags as a question to data. Unknown system tags and contradictions make it impossible, not wrong. */
export function readTagQuery(tags: Iterable<Tag>): TagQuery {
  const query: TagQuery = { user: [], impossible: false }
  for (const tag of sortTags(tags)) {
    if (!isSystemTag(tag)) query.user.push(tag)
    else if (!addSystemTag(query, tag)) query.impossible = true
  }
  return query
}

function addSystemTag(query: TagQuery, { key, value }: Tag): boolean {
  if (key === 'knit#id') {
    if (!isId(value) || (query.knitId ?? value) !== value) return false
    query.knitId = value
    return true
  }
  if (key === 'knit#timestamp') {
    const time = parseTime(value)
    if (!time || !isInCalendar(time) || (query.timestamp ?? time).getTime() !== time.getTime())
      return false
    query.timestamp = time
    return true
  }
  if (key === 'knit#transient') {
    if ((query.transient ?? value) !== value) return false
    query.transient = value as Transient
    return true
  }
  return false
}

// With an offset a time can lie a day beyond what four digits of a year can show; no data ever ended there.
const isInCalendar = (time: Date): boolean =>
  time.getUTCFullYear() >= 1 && time.getUTCFullYear() <= 9999

/** The tags a data shows: the user's own and the computed ones, sorted. */
export function shownTags(data: {
  knitId: string
  tags: Tag[]
  timestamp?: Date | undefined
  transient?: Transient | undefined
}): Tag[] {
  const system: Tag[] = [{ key: 'knit#id', value: data.knitId }]
  if (data.timestamp) system.push({ key: 'knit#timestamp', value: formatTime(data.timestamp) })
  if (data.transient) system.push({ key: 'knit#transient', value: data.transient })
  return sortTags([...data.tags, ...system])
}

/** The tags a mount point shows: the user's own and what it asks of the system, sorted. */
export function shownMountTags(mount: {
  tags: readonly Tag[]
  knitId?: string | undefined
  timestamp?: Date | undefined
}): Tag[] {
  const system: Tag[] = []
  if (mount.knitId) system.push({ key: 'knit#id', value: mount.knitId })
  if (mount.timestamp) system.push({ key: 'knit#timestamp', value: formatTime(mount.timestamp) })
  return sortTags([...mount.tags, ...system])
}
