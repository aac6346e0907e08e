import { expect, test } from 'vitest'
import { grown } from './expansion.ts'

const giga = 1e9
const growth = { margin: giga, delta: 5 * giga }

test('a claim with room enough stays as it is', () => {
  expect(grown({ capacity: 10 * giga, used: 9 * giga - 1 }, growth)).toBeUndefined()
})

test('a claim grows when no more than the margin is left, in whole billions of bytes', () => {
  expect(grown({ capacity: 10 * giga, used: 9 * giga }, growth)).toBe(15 * giga)
  expect(grown({ capacity: 10 * giga + 1, used: 10 * giga }, growth)).toBe(16 * giga)
})

test('what is written beyond the capacity counts', () => {
  expect(grown({ capacity: giga, used: 3 * giga }, growth)).toBe(8 * giga)
})

test('no claim grows beyond the most, and one that is there already stays', () => {
  const limited = { ...growth, most: 12 * giga }
  expect(grown({ capacity: 10 * giga, used: 10 * giga }, limited)).toBe(12 * giga)
  expect(grown({ capacity: 12 * giga, used: 12 * giga }, limited)).toBeUndefined()
  expect(grown({ capacity: 20 * giga, used: 20 * giga }, limited)).toBeUndefined()
})
