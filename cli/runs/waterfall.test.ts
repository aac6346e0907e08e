import { expect, test } from 'vitest'
import type { Milestone, MilestoneName } from '#shared/domain/run-history.ts'
import { waterfall } from './waterfall.ts'

const begin = Date.parse('2025-01-02T03:04:00Z')
const way = (...marks: [MilestoneName, number, number?][]): Milestone[] =>
  marks.map(([name, after, attempt = 1]) => ({
    attempt,
    name,
    at: new Date(begin + after).toISOString(),
  }))
const narrow = { width: 60, colour: false }

const whole = way(
  ['ready', 0],
  ['matched', 100],
  ['projected', 150],
  ['admitted', 1000],
  ['volumes-made', 1020],
  ['program-ended', 2000],
)

test('each part of the way has its bar, where and as long as it was', () => {
  expect(`\n${waterfall(whole, undefined, narrow)}`).toMatchInlineSnapshot(`
    "
                           0                 1.00 s      2.00 s
    ready                  ▏
    matched        100 ms  ██
    projected       50 ms    █
    admitted       850 ms     ███████████████
    volumes made    20 ms                    ▏
    program ended  980 ms                    ██████████████████
    "
  `)
})

test('what goes on is drawn to the present', () => {
  const drawn = waterfall(way(['projected', 0], ['admitted', 500]), begin + 1000, narrow)
  expect(`\n${drawn}`).toMatchInlineSnapshot(`
    "
                       0                   500 ms        1.00 s
    projected          ▏
    admitted   500 ms  ████████████████████
    so far     500 ms                      ░░░░░░░░░░░░░░░░░░░░
    "
  `)
})

test('when there was more than one attempt, each part says of which it was', () => {
  const names = waterfall(way(['aborted', 0], ['retried', 10, 2]), undefined, narrow)
  expect(names).toMatch(/^1\. aborted .*\n2\. retried /m)
})

test('no line is longer than the terminal, however narrow, and no part is without a sign', () => {
  for (const width of [40, 80, 200]) {
    const [, ...lines] = waterfall(whole, undefined, { width, colour: false }).trimEnd().split('\n')
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(width)
    for (const line of lines) expect(line).toMatch(/[█▏]$/)
  }
})

test('a clock that is behind does not turn time back', () => {
  const drawn = waterfall(
    way(['projected', 0], ['admitted', 300], ['volumes-made', 250]),
    undefined,
    narrow,
  )
  expect(drawn).toMatch(/volumes made +0 ms +▏$/m)
})

test('a run of which nothing is known draws nothing', () => {
  expect(waterfall([], undefined, narrow).trim()).toMatch(/^0/)
})
