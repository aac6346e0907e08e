import { expect, test } from 'vitest'
import { allowance } from './allowance.ts'

/** An allowance and the time it goes by, in seconds. */
function timed(times: number, seconds: number, keys?: number) {
  let time = 1000
  const rate = { times, seconds, ...(keys !== undefined && { keys }) }
  return { ...allowance(rate, () => time), pass: (more: number) => (time += more) }
}

test('so many at once, then one whenever its share of the time has passed', () => {
  const { take, pass } = timed(3, 30)
  expect([take('a'), take('a'), take('a')]).toEqual([0, 0, 0])
  expect(take('a')).toBeCloseTo(10)
  pass(4)
  expect(take('a')).toBeCloseTo(6)
  pass(6)
  expect(take('a')).toBe(0)
  expect(take('a')).toBeCloseTo(10)
})

test('what was not used is there again after a while, and no more than that', () => {
  const { take, pass } = timed(3, 30)
  for (const wait of [0, 0, 0]) expect(take('a')).toBe(wait)
  pass(1000)
  for (const wait of [0, 0, 0]) expect(take('a')).toBe(wait)
  expect(take('a')).toBeGreaterThan(0)
})

test('each has an allowance of their own', () => {
  const { take } = timed(1, 30)
  expect(take('a')).toBe(0)
  expect(take('a')).toBeGreaterThan(0)
  expect(take('b')).toBe(0)
})

test('who asks how long to wait uses nothing', () => {
  const { take, wait } = timed(1, 30)
  expect([wait('a'), wait('a'), take('a')]).toEqual([0, 0, 0])
  expect(wait('a')).toBeCloseTo(30)
})

test('only those of late are remembered, however many there are', () => {
  const { take } = timed(1, 30, 2)
  for (const key of ['a', 'b', 'b', 'a', 'c']) take(key)
  expect(take('a')).toBeGreaterThan(0)
  expect(take('b')).toBe(0)
})
