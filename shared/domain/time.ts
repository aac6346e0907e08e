import * as z from 'zod'

const rfc3339 = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:[.,](\d+))?(Z|[+-]\d{2}:\d{2})$/

/** Reads a strict RFC 3339 date-time, cut to whole milliseconds; undefined when it is none. */
export function parseTime(text: string): Date | undefined {
  const match = rfc3339.exec(text)
  if (!match) return undefined
  const [, year, month, day, hour, minute, second, fraction = '', zone = 'Z'] = match
  const millis = fraction.padEnd(3, '0').slice(0, 3)
  const time = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}.${millis}Z`)
  if (Number.isNaN(time.getTime()) || time.getUTCDate() !== Number(day)) return undefined
  const offset = offsetMinutes(zone)
  return offset === undefined ? undefined : new Date(time.getTime() - offset * 60_000)
}

function offsetMinutes(zone: string): number | undefined {
  if (zone === 'Z') return 0
  const [hours = 0, minutes = 0] = zone.slice(1).split(':').map(Number)
  if (hours > 23 || minutes > 59) return undefined
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes)
}

/** `2026-01-31T12:34:56.7+00:00`: UTC, at most milliseconds, trailing zeros of the fraction dropped. */
export function formatTime(time: Date): string {
  const iso = time.toISOString().slice(0, -1)
  const zeros = iso.endsWith('.000') ? 4 : iso.endsWith('00') ? 2 : iso.endsWith('0') ? 1 : 0
  return `${iso.slice(0, iso.length - zeros)}+00:00`
}

const durationUnits: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}
// The largest duration is that of a signed 64-bit count of nanoseconds.
const longestDuration = 2 ** 63 / 1e6

// No digit fits two places of it: of very many, a pattern that could share them out would try every way.
const durationPart = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/
const wholeDuration = new RegExp(`^([+-]?)((?:${durationPart.source})+|0)$`)

/** Reads a duration such as `1h30m`, `300ms` or `-1.5h` as milliseconds; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  const match = wholeDuration.exec(text)
  if (!match) return undefined
  const [, sign, body = ''] = match
  let millis = 0
  for (const [, number, unit = ''] of body.matchAll(new RegExp(durationPart, 'g')))
    millis += Number(number) * (durationUnits[unit] ?? 0)
  if (millis >= longestDuration) return undefined
  return sign === '-' ? -millis : millis
}

/** The most seconds that a timer is set to: one that is to wait for longer than 2^31 milliseconds does not wait at all. */
export const longestTimer = 2_000_000

/** A time on the wire. */
export const Time = z
  .string()
  .describe('A time: RFC 3339 with numeric offset and at most milliseconds.')
  .meta({ format: 'date-time' })

/** A time in a query parameter, as a `Date`. */
export const TimeParam = z
  .string()
  .transform((text, ctx) => {
    const time = parseTime(text)
    if (time) return time
    ctx.addIssue({
      code: 'custom',
      message: `"${text}" should be an RFC 3339 date-time such as 2026-01-31T12:34:56+09:00 (write + as %2B in a URL)`,
    })
    return z.NEVER
  })
  .describe('RFC 3339 date-time.')

/** A duration in a query parameter, in milliseconds. */
export const DurationParam = z
  .string()
  .transform((text, ctx) => {
    const millis = parseDuration(text)
    if (millis !== undefined) return millis
    ctx.addIssue({
      code: 'custom',
      message: `"${text}" should be a duration such as 300ms, 1.5h or 24h0m0s`,
    })
    return z.NEVER
  })
  .describe('Length of the window that begins at `since`, such as 24h or 1h30m.')
