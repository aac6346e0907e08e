import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { combinations, freshCombinations, newCombinations } from './combinations.ts'

const lists = fc.array(fc.uniqueArray(fc.stringMatching(/^[a-f]{1,2}$/), { maxLength: 5 }), {
  minLength: 1,
  maxLength: 4,
})

/** All of a product, as it is defined. */
const brute = (inputs: readonly (readonly string[])[]): string[][] =>
  inputs.reduce<string[][]>(
    (all, ids) => all.flatMap((combination) => ids.map((id) => [...combination, id])),
    [[]],
  )

test('the combinations of inputs are their product, in order', () => {
  fc.assert(
    fc.property(lists, (ids) => {
      const sorted = ids.map((list) => list.toSorted())
      const candidates = sorted.map((head) => ({ head, behind: [] }))
      expect([...combinations(candidates)]).toEqual(brute(sorted))
    }),
  )
})

test('taken in portions of any size, from one cursor to the next, they are the same', () => {
  fc.assert(
    fc.property(lists, fc.integer({ min: 1, max: 7 }), (ids, size) => {
      const sorted = ids.map((list) => list.toSorted())
      const taken: string[][] = []
      for (;;) {
        const cursor = taken.at(-1)
        const candidates = sorted.map((list, index) => ({
          head: list.slice(0, size),
          behind: cursor ? list.filter((id) => id > (cursor[index] ?? '')).slice(0, size) : [],
        }))
        const portion = [...combinations(candidates, cursor).take(size)]
        if (portion.length === 0) break
        taken.push(...portion)
      }
      expect(taken).toEqual(brute(sorted))
    }),
  )
})

test('of a product without end it costs nothing to take a few', () => {
  const thousand = Array.from({ length: 1000 }, (_, index) => String(index).padStart(4, '0'))
  const inputs = Array.from({ length: 100 }, () => ({ head: thousand, behind: [] }))
  expect([...combinations(inputs).take(1001)].at(-1)?.slice(-2)).toEqual(['0001', '0000'])
})

test('a product with an empty list is empty, and nobody goes through the others to find out', () => {
  let steps = 0
  const counted = new Proxy(['a', 'b'], {
    get: (list, key) => {
      if (key === Symbol.iterator) steps += 1
      return Reflect.get(list, key) as unknown
    },
  })
  const full = { head: counted, behind: counted }
  const empty = { head: [], behind: [] }
  expect([...combinations([full, full, full, empty])]).toEqual([])
  expect([...combinations([full, full, full, empty], ['a', 'a', 'a', 'a'])]).toEqual([])
  // Of the second only what is behind the cursor, list by list.
  expect(steps).toBeLessThan(4)
})

test('fresh are all combinations with something fresh, each once, however much is old', () => {
  const some = fc.array(fc.record({ old: fc.nat(3), fresh: fc.nat(3) }), { maxLength: 4 })
  fc.assert(
    fc.property(some, (counts) => {
      const inputs = counts.map(({ old, fresh }) => ({
        old: [...'o'.repeat(old)].map((kind, index) => kind + index),
        fresh: [...'f'.repeat(fresh)].map((kind, index) => kind + index),
      }))
      const all = inputs.length > 0 ? brute(inputs.map(({ old, fresh }) => [...old, ...fresh])) : []
      const wanted = all.filter((combination) => combination.some((id) => id[0] === 'f'))
      expect([...freshCombinations(inputs)].toSorted()).toEqual(wanted.toSorted())
    }),
  )
  const thousand = Array.from({ length: 1000 }, (_, index) => String(index))
  const old = Array.from({ length: 9 }, () => ({ fresh: [], old: thousand }))
  expect([...freshCombinations([...old, { fresh: ['new'], old: thousand }]).take(3)]).toHaveLength(
    3,
  )
})

test('new are all combinations but those that have nothing new', () => {
  const nominated = fc.array(fc.record({ old: fc.nat(3), due: fc.nat(3) }), {
    minLength: 1,
    maxLength: 4,
  })
  fc.assert(
    fc.property(nominated, (inputs) => {
      const ids = inputs.map(({ old, due }) =>
        [...'o'.repeat(old), ...'d'.repeat(due)].map((kind, index) => kind + index),
      )
      const fresh = brute(ids).filter((combination) => combination.some((id) => id[0] === 'd'))
      const counts = inputs.map(({ old, due }) => ({ all: old + due, due }))
      expect(newCombinations(counts)).toBe(fresh.length)
    }),
  )
  const many = Array.from({ length: 100 }, () => ({ all: 1_000_000, due: 1 }))
  expect(newCombinations(many)).toBe(Number.MAX_VALUE)
})
