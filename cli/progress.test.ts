import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { Context } from './context.ts'
import { note } from './output.ts'
import { onward, progress, shownBytes } from './progress.ts'
import { tempDir } from './testing.ts'
import { treeSize } from './tree-size.ts'

const MiB = 2 ** 20

/** What is drawn, line by line, of a terminal of this width. */
function terminal({ columns = 80, isTTY = true, quiet = false } = {}) {
  vi.useFakeTimers({ now: 0, toFake: ['Date'] })
  onTestFinished(() => void vi.useRealTimers())
  const drawn: string[] = []
  const stderr = new Writable({
    write(chunk, _, done) {
      const text = String(chunk)
      const isOver = text.startsWith('\r') && text.endsWith('\u001B[K')
      drawn.push(isOver ? text.slice(1, -3) : `not over the line before: ${text}`)
      done()
    },
  })
  return { ctx: { stderr: Object.assign(stderr, { isTTY, columns }), flags: { quiet } }, drawn }
}

test('progress has a rate, and a time that is left once the total is known', () => {
  const { ctx, drawn } = terminal()
  let total: number | undefined
  const bar = progress(ctx, () => total)
  vi.setSystemTime(500)
  bar.update({ bytes: 5 * MiB, path: 'a' })
  total = 100 * MiB
  vi.setSystemTime(700)
  bar.update({ bytes: 7 * MiB, path: 'b' })
  vi.setSystemTime(2000)
  bar.update({ bytes: 20 * MiB, path: 'c' })
  total = 2000 * MiB
  vi.setSystemTime(3000)
  bar.update({ bytes: 30 * MiB, path: 'd' })
  bar.end()
  expect(drawn).toEqual([
    '5.0 MiB  10.0 MiB/s  a',
    '  7%  7.0 MiB of 100.0 MiB  10.0 MiB/s  b',
    ' 20%  20.0 MiB of 100.0 MiB  10.0 MiB/s  8 s left  c',
    '  1%  30.0 MiB of 2.0 GiB  10.0 MiB/s  3 min 17 s left  d',
    '',
  ])
})

test('it is drawn ten times a second at most, on one line of the terminal', () => {
  const { ctx, drawn } = terminal({ columns: 40 })
  const bar = progress(ctx)
  for (const now of [1000, 1050, 1099, 1100]) {
    vi.setSystemTime(now)
    bar.update({ bytes: 1024, path: `${'long/'.repeat(20)}name\n` })
  }
  expect(drawn).toEqual([
    '1.0 KiB  1.0 KiB/s  …g/long/long/name\\n',
    '1.0 KiB  931 B/s  …ong/long/long/name\\n',
  ])
})

test('what is said meanwhile takes its place', () => {
  const { ctx, drawn } = terminal()
  const bar = progress(ctx)
  vi.setSystemTime(1000)
  bar.update({ bytes: 5, path: 'x' })
  note({ ...ctx, name: 'knit data pull' } as Context, 'the line broke')
  bar.end()
  expect(drawn).toEqual(['5 B  5 B/s  x', '', expect.stringMatching(/\] .* the line broke\n$/)])
})

test.each([{ isTTY: false }, { quiet: true }])('nothing is drawn where it is %j', (how) => {
  const { ctx, drawn } = terminal(how)
  const bar = progress(ctx, () => 10)
  vi.setSystemTime(1000)
  bar.update({ bytes: 5, path: 'x' })
  bar.end()
  expect(drawn).toEqual([])
})

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [3 * 2 ** 30, '3.0 GiB'],
  [2 ** 60, '1048576.0 TiB'],
])('%d bytes are shown as %s', (bytes, expected) => expect(shownBytes(bytes)).toBe(expected))

test('the size of a tree is that of what would be packed of it', async () => {
  const dir = tempDir()
  mkdirSync(join(dir, 'set/deep'), { recursive: true })
  writeFileSync(join(dir, 'outside'), 'x'.repeat(100))
  writeFileSync(join(dir, 'set/a'), 'x')
  writeFileSync(join(dir, 'set/deep/b'), '')
  truncateSync(join(dir, 'set/deep/b'), 1000)
  symlinkSync('../outside', join(dir, 'set/link'))
  symlinkSync('nowhere', join(dir, 'set/dangling'))
  symlinkSync('set', join(dir, 'alias'))
  expect(await treeSize(join(dir, 'set'))).toBe(1001)
  expect(await treeSize(join(dir, 'alias'))).toBe(1001)
  expect(await treeSize(join(dir, 'set'), { dereference: true })).toBe(1101)
  expect(await treeSize(join(dir, 'set/a'))).toBe(1)
  expect(await treeSize(join(dir, 'nowhere'))).toBe(0)
})

test('what is looked through again is no step back', () => {
  const seen: number[] = []
  const bar = onward({ update: ({ bytes }) => seen.push(bytes), end() {} })
  for (const bytes of [10, 90, 5, 50, 95]) bar.update({ bytes, path: 'a' })
  expect(seen).toEqual([10, 90, 90, 90, 95])
})
