import * as z from 'zod'
import { windowQuery } from '#shared/contracts/data.ts'
import { isSystemTag, TagText, formatTag } from '#shared/domain/tag.ts'
import {
  DurationParam,
  formatTime,
  longestTimer,
  parseDuration,
  parseTime,
} from '#shared/domain/time.ts'
import { flag } from './args.ts'
import { UsageError } from './failure.ts'

const loose =
  /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2})(?::(\d{2})(?::(\d{2})(\.\d+)?)?)?)?(Z|[+-]\d{2}:\d{2})?$/

/** Reads a date, or a date and time, as strict RFC 3339: what is missing is 0, a missing offset that of this machine. */
export function strictTime(text: string): string | undefined {
  const match = loose.exec(text)
  if (!match) return undefined
  const [, day, hour = '00', minute = '00', second = '00', fraction = '', given] = match
  const local = `${day}T${hour}:${minute}:${second}`
  const time = `${local}${fraction}${given ?? offsetText(-new Date(local).getTimezoneOffset())}`
  return parseTime(time) && time
}

const two = (value: number): string => String(Math.trunc(value)).padStart(2, '0')

/** Minutes east of Greenwich as `+09:00`. */
export const offsetText = (minutes: number): string =>
  `${minutes < 0 ? '-' : '+'}${two(Math.abs(minutes) / 60)}:${two(Math.abs(minutes) % 60)}`

/** A time in the zone of this machine: `2026-01-31T12:34:56.7+09:00`. */
export function localTime(text: string): string {
  const time = parseTime(text)
  if (!time) return text
  const offset = -time.getTimezoneOffset()
  const iso = new Date(time.getTime() + offset * 60_000).toISOString()
  return `${iso.slice(0, -1).replace(/\.?0+$/, '')}${offsetText(offset)}`
}

const units = { d: 86_400, h: 3600, min: 60, s: 1 }

/** How long ago a time was, or in how long it will be: `12 s ago`, `3 h ago`, `in 89 d`. */
export function agoText(text: string): string {
  const time = parseTime(text)
  if (!time) return text
  const seconds = Math.round((Date.now() - time.getTime()) / 1000)
  // Two of a unit are the fewest that say enough.
  const [unit, length] = Object.entries(units).find(
    ([, length]) => Math.abs(seconds) >= 2 * length,
  ) ?? ['s', 1]
  const span = `${Math.trunc(Math.abs(seconds) / length)} ${unit}`
  return seconds < 0 ? `in ${span}` : `${span} ago`
}

/** A length of time as people read it: `312 ms`, `1.24 s`, `3 min 05 s`, `2 h 05 min`. */
export function spanText(millis: number): string {
  if (millis < 1000) return `${Math.round(millis)} ms`
  if (millis < 60_000) return `${(Math.floor(millis / 10) / 100).toFixed(2)} s`
  const [minutes, seconds] = [Math.trunc(millis / 60_000), Math.trunc(millis / 1000) % 60]
  if (minutes < 60) return `${minutes} min ${two(seconds)} s`
  const hours = Math.trunc(minutes / 60)
  return hours < 48
    ? `${hours} h ${two(minutes % 60)} min`
    : `${Math.trunc(hours / 24)} d ${hours % 24} h`
}

/** From one time to another, as far as both are known; clocks of two machines may make it negative, which it is not. */
export function between(from: string | undefined, to: string | undefined): string {
  if (from === undefined || to === undefined) return ''
  return spanText(Math.max(0, Date.parse(to) - Date.parse(from)))
}

const daysAndWeeks: Record<string, number> = { d: 24, w: 7 * 24 }

/** Days and weeks as hours: `1d12h` is `24h12h`. Those of the calendar may be longer or shorter. */
const inHours = (text: string): string =>
  text.replace(
    /(\d+(?:\.\d+)?)([dw])/g,
    (_, count, unit) => `${count * (daysAndWeeks[unit] ?? 0)}h`,
  )

/** A date, a date and time, or how long ago that was: `2h`, `1d12h`. */
export const SinceTime = z.string().transform((text, ctx) => {
  const ago = /^\d/.test(text) && text !== '0' ? parseDuration(inHours(text)) : undefined
  const time = ago === undefined ? strictTime(text) : formatTime(new Date(Date.now() - ago))
  if (time) return time
  const message = `"${text}" is no time; write 2026-01-31, 2026-01-31T12:34, 2026-01-31T12:34:56+09:00, or how long ago: 90m, 2h, 3d`
  ctx.addIssue({ code: 'custom', message })
  return z.NEVER
})

/** A length of time, in seconds: `90d`, `12h`, `1h30m`. */
export const Span = z.string().transform((text, ctx) => {
  const seconds = Math.round((parseDuration(inHours(text)) ?? 0) / 1000)
  if (seconds > 0) return seconds
  const message = `"${text}" is no length of time of a second or more; write 90d, 12h or 30m`
  ctx.addIssue({ code: 'custom', message })
  return z.NEVER
})

/** One that can be waited for. */
export const WaitSpan = Span.refine(
  (seconds) => seconds <= longestTimer,
  `expected at most ${spanText(longestTimer * 1000)}`,
)

/** The window of time of a search. */
export const windowArgs = {
  since: flag(
    SinceTime.optional().describe(`${windowQuery.since.description} Or so long ago: 2h.`),
    {
      hint: 'TIME',
    },
  ),
  until: flag(
    SinceTime.optional().describe('Only what ended, or last changed, before this time.'),
    { hint: 'TIME' },
  ),
  duration: flag(
    z
      .string()
      .transform(inHours)
      .pipe(DurationParam)
      .optional()
      .describe('Length of the window from --since on, such as 90m, 24h or 7d.'),
    { hint: 'DURATION' },
  ),
}

type Window = { since?: string; until?: string; duration?: number }

// Before there was anything; a duration can be as long as from here to the year 2262.
const beginning = '1970-01-01T00:00:00Z'

/** The query of a window. Throws `UsageError` for a length without a beginning, for two ends, and for one that is not behind it. */
export function windowOf({ since, until, duration }: Window) {
  if (until !== undefined) {
    if (duration !== undefined)
      throw new UsageError('--until and --duration both say where it ends: give one')
    const from = since ?? beginning
    const length = Date.parse(until) - Date.parse(from)
    if (length <= 0) throw new UsageError('--until is not behind --since')
    return { since: from, duration: durationText(length) }
  }
  if (duration !== undefined && since === undefined)
    throw new UsageError('--duration needs --since, where it begins')
  return { since, duration: duration === undefined ? undefined : durationText(duration) }
}

/** Milliseconds as the API reads a duration. Nanoseconds, because large and tiny numbers then have no exponent. */
export const durationText = (millis: number): string => `${BigInt(Math.round(millis * 1e6))}ns`

/** `yes`, `no` or `both`: undefined is both. */
export const YesNoBoth = z
  .enum(['yes', 'true', 'no', 'false', 'both'], 'expected yes, no or both')
  .default('both')
  .transform((word) => (word === 'both' ? undefined : word === 'yes' || word === 'true'))

/** A tag that users may put or take away. */
export const UserTag = TagText.refine((tag) => !isSystemTag(tag), {
  error: ({ input }) =>
    `${formatTag(input as never)} is a tag of the system, which nobody may change`,
})
