import { expect, test } from 'vitest'
import { Invalid } from './invalid.ts'
import { checkedPath, checkOverlaps } from './mountpoint.ts'

test.for([
  ['/in', '/in'],
  ['/in/', '/in'],
  ['/in/data', '/in/data'],
  ['/in/..data', '/in/..data'],
  ['/in/a b', '/in/a b'],
  ['/…', '/…'],
] as const)('the path %s is %s', ([path, clean]) => {
  expect(checkedPath(path)).toBe(clean)
})

test.for([
  '',
  '/',
  '//',
  'in',
  './in',
  '/in//',
  '/in//data',
  '/in/.',
  '/in/./data',
  '/in/..',
  '/../in',
  '/in\0',
  '/\ud800',
  `/${'a/'.repeat(2050)}a`,
])('the path %j is refused', (path) => {
  expect(() => checkedPath(path)).toThrow(Invalid)
})

test.for([
  [['/in/1', '/in/10', '/in/1-a']],
  [['/data', '/data2', '/dat']],
  [['/in/a', '/in/b', '/out']],
  [[]],
])('the mount points %j do not overlap', ([paths]) => {
  checkOverlaps(paths as string[])
})

test.for([
  [['/in', '/in']],
  [['/in/data', '/in']],
  [['/in', '/in-a', '/in.b', '/in/data']],
  [['/a/b/c', '/x', '/a']],
])('the mount points %j overlap', ([paths]) => {
  expect(() => checkOverlaps(paths as string[])).toThrow(Invalid)
})
