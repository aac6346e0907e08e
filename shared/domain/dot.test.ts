import { expect, test } from 'vitest'
import { quoted } from './dot.ts'

test.for([
  [['a'], '"a"'],
  [['a', 'b'], '"a\\nb"'],
  [['a"b'], '"a\\"b"'],
  [['a\\'], '"a\\\\"'],
  [['a\nb'], '"a\\\\nb"'],
] as [string[], string][])('the lines %j are quoted as %s', ([lines, text]) => {
  expect(quoted(...lines)).toBe(text)
})
