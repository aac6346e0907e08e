import { afterEach, beforeEach, expect, test } from 'vitest'
import { durationText, localTime, strictTime, UserTag, windowOf } from './formats.ts'

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

test.each([
  '2026-01',
  '2026-02-30',
  '2026-01-31t12:00',
  '2026-01-31T12:00+0900',
  '1h',
  '1700000000',
])('%s is no time', (text) => expect(strictTime(text)).toBeUndefined())

test.each([
  ['2025-01-02T03:04:05.678+00:00', '2025-01-02T12:04:05.678+09:00'],
  ['2025-01-02T03:04:10+00:00', '2025-01-02T12:04:10+09:00'],
])('%s is shown in the zone of this machine', (text, expected) => {
  expect(localTime(text)).toBe(expected)
})

test('a duration is sent without exponent, however long or short', () => {
  expect(durationText(24 * 3_600_000)).toBe('86400000000000ns')
  expect(durationText(5e-7)).toBe('1ns')
})

test('a window needs its beginning', () => {
  expect(() => windowOf({ duration: 1 })).toThrow('--duration needs --since')
})

test('the tags of the system cannot be put by users', () => {
  expect(UserTag.safeParse('knit#id:x').error?.issues[0]?.message).toMatch('tag of the system')
  expect(UserTag.parse('a: b:c')).toEqual({ key: 'a', value: 'b:c' })
})
