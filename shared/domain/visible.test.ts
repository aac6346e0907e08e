import { expect, test } from 'vitest'
import { visible, visibleLines } from './visible.ts'

test.each([
  ['plain text, ümläuts and 絵', 'plain text, ümläuts and 絵'],
  ['a\nb\r\n\tc', 'a\\nb\\r\\n\\tc'],
  ['\u001b[31mred\u0007', '\\u001b[31mred\\u0007'],
  ['\u009b2J', '\\u009b2J'],
  ['left\u202etfel', 'left\\u202etfel'],
  ['C:\\new', 'C:\\new'],
])('%j is written as %j', (text, shown) => {
  expect(visible(text)).toBe(shown)
})

test('lines stay lines', () => {
  expect(visibleLines('a\u001b[31m\r\nb\u0085\n')).toBe('a\\u001b[31m\\r\nb\\u0085\n')
})
