import { expect, test } from 'vitest'
import { bytesOf, formatRange, parseRange } from './byte-range.ts'

test.for([
  ['bytes=0-', { from: 0 }],
  ['bytes=5-9', { from: 5, to: 9 }],
  ['bytes=5-5', { from: 5, to: 5 }],
  ['bytes=-7', { last: 7 }],
  ['bytes=3-9007199254740991', { from: 3, to: Number.MAX_SAFE_INTEGER }],
] as const)('the header %j is a range, and written like that', ([header, range]) => {
  expect(parseRange(header)).toEqual(range)
  expect(formatRange(range)).toBe(header)
})

test.for([
  null,
  undefined,
  '',
  'bytes=',
  'bytes=-',
  'bytes=9-5',
  'bytes=0-1,5-6',
  'bytes=1-2-3',
  'bytes=+1-',
  'bytes=1e3-',
  'bytes= 1-',
  'lines=1-2',
  'BYTES=1-2',
  `bytes=${'9'.repeat(17)}-`,
])('the header %j means all', (header) => {
  expect(parseRange(header)).toBeUndefined()
})

test.for([
  [undefined, 10, { from: 0, bytes: 10 }],
  [undefined, 0, { from: 0, bytes: 0 }],
  [{ from: 0 }, 10, { from: 0, bytes: 10 }],
  [{ from: 9 }, 10, { from: 9, bytes: 1 }],
  [{ from: 10 }, 10, undefined],
  [{ from: 0 }, 0, undefined],
  [{ from: 2, to: 4 }, 10, { from: 2, bytes: 3 }],
  [{ from: 2, to: 99 }, 10, { from: 2, bytes: 8 }],
  [{ last: 3 }, 10, { from: 7, bytes: 3 }],
  [{ last: 99 }, 10, { from: 0, bytes: 10 }],
  [{ last: 3 }, 0, { from: 0, bytes: 0 }],
  [{ last: 0 }, 10, undefined],
] as const)('%j of %d bytes is %j', ([range, size, expected]) => {
  expect(bytesOf(range, size)).toEqual(expected && { size, ...expected })
})
