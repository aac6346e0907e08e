import { expect, test } from 'vitest'
import { formatTime, parseDuration, parseTime } from './time.ts'

test.for([
  ['2026-01-31T12:34:56Z', '2026-01-31T12:34:56.000Z'],
  ['2026-01-31T12:34:56+09:00', '2026-01-31T03:34:56.000Z'],
  ['2026-01-31T12:34:56-00:30', '2026-01-31T13:04:56.000Z'],
  ['2026-01-31T12:34:56.7+00:00', '2026-01-31T12:34:56.700Z'],
  ['2026-01-31T12:34:56.123999999999+00:00', '2026-01-31T12:34:56.123Z'],
  ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
  ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
] as const)('the time %s is the instant %s', ([text, iso]) => {
  expect(parseTime(text)?.toISOString()).toBe(iso)
})

test.for([
  '',
  '2026-01-31',
  '2026-01-31 12:34:56Z',
  '2026-01-31T12:34Z',
  '2026-01-31T12:34:56',
  '2026-01-31t12:34:56Z',
  '2026-01-31T12:34:56z',
  '2026-01-31T12:34:56+0900',
  '2026-01-31T12:34:56+24:00',
  '2026-01-31T12:34:56+09:60',
  '2026-02-29T00:00:00Z',
  '2026-02-30T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-00-01T00:00:00Z',
  '2026-01-00T00:00:00Z',
  '2026-01-31T24:00:00Z',
  '2026-01-31T12:60:00Z',
  '2026-01-31T12:34:60Z',
  '2026-01-31T12:34:56.Z',
  '+12026-01-31T12:34:56Z',
  '2026-01-31T12:34:56Z\n',
  '２０２６-01-31T12:34:56Z',
])('the text %j is no time', (text) => {
  expect(parseTime(text)).toBeUndefined()
})

test.for([
  ['2026-01-31T12:34:56.500Z', '2026-01-31T12:34:56.5+00:00'],
  ['2026-01-31T12:34:56.050Z', '2026-01-31T12:34:56.05+00:00'],
  ['2026-01-31T12:34:50.000Z', '2026-01-31T12:34:50+00:00'],
  ['2026-01-31T12:30:00.000Z', '2026-01-31T12:30:00+00:00'],
  ['2026-01-31T12:34:56.001Z', '2026-01-31T12:34:56.001+00:00'],
] as const)('the instant %s is shown as %s', ([iso, shown]) => {
  expect(formatTime(new Date(iso))).toBe(shown)
})

const second = 1000
const minute = 60 * second
const hour = 60 * minute

test.for([
  ['300ms', 300],
  ['1.5h', 1.5 * hour],
  ['2h45m', 2 * hour + 45 * minute],
  ['24h0m0s', 24 * hour],
  ['1µs', 0.001],
  ['1μs', 0.001],
  ['1us', 0.001],
  ['1000000ns', 1],
  ['-1h', -hour],
  ['+1h', hour],
  ['0', 0],
  ['.5s', 500],
  ['1.s', 1000],
] as const)('the duration %s is %d milliseconds', ([text, millis]) => {
  expect(parseDuration(text)).toBeCloseTo(millis, 9)
})

test.for([
  '',
  '1',
  '1d',
  '1w',
  '1 h',
  'h',
  '.h',
  '1h 2m',
  '1H',
  '1e3s',
  '--1h',
  '9999999999h',
  'Infinityh',
])('the text %j is no duration', (text) => {
  expect(parseDuration(text)).toBeUndefined()
})

// A pattern that could share them out between two of its places would be at it for minutes.
test('very many digits are read once', () => {
  expect(parseDuration(`${'1'.repeat(500_000)}x`)).toBeUndefined()
  expect(parseDuration(`${'1'.repeat(500_000)}s`)).toBeUndefined()
  expect(parseDuration(`${'0'.repeat(500_000)}1s`)).toBe(second)
})
