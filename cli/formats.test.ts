import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { agoText, durationText, localTime, SinceTime, strictTime } from './formats.ts'
import { UserTag, windowArgs, windowOf } from './formats.ts'

const zone = process.env.TZ
beforeEach(() => void (process.env.TZ = 'Asia/Tokyo'))
afterEach(() => {
  if (zone === undefined) delete process.env.TZ
  else process.env.TZ = zone
})

test.each([
  ['2026-01-31', '2026-01-31T00:00:00+09:00'],
  ['2026-01-31Z', '2026-01-31T00:00:00Z'],
  ['2026-01-31T12', '2026-01-31T12:00:00+09:00'],
  ['2026-01-31 12:34', '2026-01-31T12:34:00+09:00'],
  ['2026-01-31T12:34:56', '2026-01-31T12:34:56+09:00'],
  ['2026-01-31T12:34:56.123456789-05:30', '2026-01-31T12:34:56.123456789-05:30'],
])('the loose time %s means %s', (text, expected) => {
  expect(strictTime(text)).toBe(expected)
})

test.each(['2026-01', '2026-02-30', '2026-01-31t12:00', '2026-01-31T12:00+0900', '1700000000'])(
  '%s is no time',
  (text) => expect(strictTime(text)).toBeUndefined(),
)

test.each([
  ['90m', '2026-01-31T02:04:56.7+00:00'],
  ['2h', '2026-01-31T01:34:56.7+00:00'],
  ['1.5h', '2026-01-31T02:04:56.7+00:00'],
  ['3d', '2026-01-28T03:34:56.7+00:00'],
  ['1w1d12h', '2026-01-22T15:34:56.7+00:00'],
])('since %s is that long ago', (text, expected) => {
  vi.useFakeTimers({ now: new Date('2026-01-31T12:34:56.700+09:00'), toFake: ['Date'] })
  onTestFinished(() => void vi.useRealTimers())
  expect(SinceTime.parse(text)).toBe(expected)
})

test.each(['0', '2', '-2h', '2 hours', 'yesterday', '1y'])('since %s is no time', (text) => {
  expect(SinceTime.safeParse(text).error?.issues[0]?.message).toMatch(/is no time; write .*2h/)
})

test('a window may be days long', () => {
  expect(windowArgs.duration.read('7d', '--duration')).toBe(7 * 86_400_000)
  expect(windowArgs.duration.read('1d12h', '--duration')).toBe(36 * 3_600_000)
})

test.each([
  ['2025-01-02T03:04:05.678+00:00', '2025-01-02T12:04:05.678+09:00'],
  ['2025-01-02T03:04:10+00:00', '2025-01-02T12:04:10+09:00'],
])('%s is shown in the zone of this machine', (text, expected) => {
  expect(localTime(text)).toBe(expected)
})

test.each([
  ['2026-01-31T12:34:56.2+09:00', '0 s ago'],
  ['2026-01-31T12:33:00+09:00', '116 s ago'],
  ['2026-01-31T12:32:50+09:00', '2 min ago'],
  ['2026-01-31T10:34:56+09:00', '2 h ago'],
  ['2026-01-29T12:34:56+09:00', '2 d ago'],
  ['2026-01-31T12:34:58+09:00', 'in 2 s'],
  ['2026-05-01T12:34:56+09:00', 'in 90 d'],
  ['', ''],
])('the time "%s" is told as "%s"', (text, expected) => {
  vi.useFakeTimers({ now: new Date('2026-01-31T12:34:56.000+09:00'), toFake: ['Date'] })
  onTestFinished(() => void vi.useRealTimers())
  expect(agoText(text)).toBe(expected)
})

test('a duration is sent without exponent, however long or short', () => {
  expect(durationText(24 * 3_600_000)).toBe('86400000000000ns')
  expect(durationText(5e-7)).toBe('1ns')
})

test('a window needs its beginning', () => {
  expect(() => windowOf({ duration: 1 })).toThrow('--duration needs --since')
  const [since, until] = ['2025-01-01T00:00:00Z', '2025-01-02T00:00:00Z']
  expect(() => windowOf({ since, until, duration: 1 })).toThrow('give one')
  expect(() => windowOf({ since: until, until })).toThrow('--until is not behind --since')
  expect(windowOf({ until })).toEqual({
    since: '1970-01-01T00:00:00Z',
    duration: `${Date.parse(until)}000000ns`,
  })
})

test('the tags of the system cannot be put by users', () => {
  expect(UserTag.safeParse('knit#id:x').error?.issues[0]?.message).toMatch('tag of the system')
  expect(UserTag.parse('a: b:c')).toEqual({ key: 'a', value: 'b:c' })
})
