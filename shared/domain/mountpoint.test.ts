import { expect, test } from 'vitest'
import { Invalid } from './invalid.ts'
import { checkedPath, checkOverlap, inPathOrder } from './mountpoint.ts'

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

/** Each of the paths with all others. */
function checkAll(paths: readonly string[]): void {
  for (const [index, path] of paths.entries()) checkOverlap(path, paths.toSpliced(index, 1))
}

test.for([
  [['/in/1', '/in/10', '/in/1-a']],
  [['/data', '/data2', '/dat']],
  [['/in/a', '/in/b', '/out']],
  [['out', '/out']],
  [[]],
])('the mount points %j do not overlap', ([paths]) => {
  checkAll(paths as string[])
})

test.for([
  [['/in', '/in']],
  [['/in', '/in/']],
  [['/in/data', '/in']],
  [['/in', '/in-a', '/in.b', '/in/data']],
  [['/a/b/c', '/x', '/a']],
  [['/in', '/']],
])('the mount points %j overlap', ([paths]) => {
  expect(() => checkAll(paths as string[])).toThrow(Invalid)
})

test('the first fault is that of the first path, and what is made keeps the order of the plan', () => {
  const mounts = ['/b', '/a', '/c'].map((path) => ({ path }))
  const seen: string[] = []
  expect(inPathOrder(mounts, ({ path }) => seen.push(path))).toEqual([2, 1, 3])
  expect(seen).toEqual(['/a', '/b', '/c'])
})
