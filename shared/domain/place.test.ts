import { expect, test } from 'vitest'
import { formatPlace, parseAfter } from './place.ts'

test.each([null, new Date(0), new Date('2026-01-31T12:34:56.789Z'), new Date(99_999_999_999_999)])(
  'a place at %s is read as it was written',
  (at) => {
    const place = { id: 'an-id', at }
    expect(parseAfter(formatPlace(place))).toEqual(place)
  },
)

test('an id alone is no place, and what is neither is nothing', () => {
  expect(parseAfter('an-id')).toEqual({ id: 'an-id' })
  for (const text of ['a~b', 'a~1~2', 'a~-1', `a~${'9'.repeat(15)}`, 'a~ 1'])
    expect(parseAfter(text)).toBeUndefined()
})
