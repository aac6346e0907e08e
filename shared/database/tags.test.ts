import { expect, test } from 'vitest'
import { parseTag } from '#shared/domain/tag.ts'
import { worthSearching } from './tags.ts'

/** The keys of the tags that are searched for, of tags that such shares of all data carry. */
function searched(shares: Record<string, number>): string {
  const tags = Object.keys(shares).map((key) => parseTag(`${key}:1`))
  return worthSearching(tags, ({ key }) => shares[key] ?? 0)
    .map(({ key }) => key)
    .join(' ')
}

test('a list of data is read only where it spares looks at more than it takes time', () => {
  // Of a million: a thousand to look at, or a hundred and the list of a tenth of all.
  expect(searched({ all: 1, tenth: 0.1, thousandth: 0.001 })).toBe('thousandth tenth')
  expect(searched({ all: 1, tenth: 0.1, few: 0.00001 })).toBe('few')
  // Every list spares more than it costs.
  expect(searched({ half: 1 / 2, third: 1 / 3 })).toBe('third half')
})

test('tags of which nothing is known are all searched for', () => {
  expect(searched({ one: 0, other: 0 })).toBe('one other')
})
