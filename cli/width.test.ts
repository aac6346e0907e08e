import { expect, test } from 'vitest'
import { beginOf, endOf, padded, widthOf } from './width.ts'

test.each([
  ['', 0],
  ['tag', 3],
  ['Größe', 5],
  ['Größe'.normalize('NFD'), 5],
  ['種類:写真', 9],
  ['データ', 6],
  ['データ'.normalize('NFD'), 6],
  ['ﾃﾞｰﾀ', 4],
  ['데이터', 6],
  ['🧶', 2],
])('%j takes %d columns', (text, width) => {
  expect(widthOf(text)).toBe(width)
  expect(widthOf(padded(text, 12))).toBe(12)
  expect(padded(text, 0)).toBe(text)
})

test.each([
  ['set/写真.png', 12, 'set/写真.png'],
  ['set/写真.png', 11, '…t/写真.png'],
  ['set/写真.png', 9, '…写真.png'],
  ['set/写真.png', 8, '…真.png'],
  ['set/写真.png', 2, '…g'],
  ['set/写真.png', 1, ''],
  ['写真', 2, ''],
  ['set', -3, ''],
  ['', 0, ''],
])('of %j there is room for %d columns: %j', (text, room, end) => {
  expect(endOf(text, room)).toBe(end)
  expect(widthOf(end)).toBeLessThanOrEqual(Math.max(0, room))
})

test.each([
  ['写真 of it', 10, '写真 of it'],
  ['写真 of it', 9, '写真 of …'],
  ['写真 of it', 4, '写…'],
  ['写真 of it', 2, '…'],
])('of %j the begin has room in %d columns: %j', (text, room, begin) => {
  expect(beginOf(text, room)).toBe(begin)
  expect(widthOf(begin)).toBeLessThanOrEqual(room)
})
