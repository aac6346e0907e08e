import { expect, test } from 'vitest'
import { FilePath } from './file-path.ts'

test.for([
  ['', ''],
  ['/', ''],
  ['.', ''],
  ['a', 'a'],
  ['./a//b/', 'a/b'],
  ['/a/./b', 'a/b'],
  ['...', '...'],
  ['a..b/..c', 'a..b/..c'],
  [' /\n', ' /\n'],
  ['a\\..\\b', 'a\\..\\b'],
  ['%2e%2e/a', '%2e%2e/a'],
] as const)('the path %j is %j', ([text, path]) => {
  expect(FilePath.parse(text)).toBe(path)
  expect(FilePath.parse(path)).toBe(path)
})

test.for(['..', 'a/..', '../a', 'a/../b', '/..', './/../', 'a\0', 'a/\0/b'])(
  'the path %j is none',
  (text) => {
    expect(FilePath.safeParse(text).error?.issues[0]?.message).toMatch(/^a path within data /)
  },
)
