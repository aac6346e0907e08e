import { execFileSync } from 'node:child_process'
import {
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test as base, vi } from 'vitest'
import type { ByteRange } from '#shared/domain/byte-range.ts'
import { inDirectory, openPlace } from './exact-place.ts'
import { openFile } from './open-file.ts'
import { temporaryDir } from './test-dir.ts'

/** A tree beside a file that is not in it. */
const test = base.extend<{ tree: string }>({
  tree: async ({}, use) => {
    const outside = await temporaryDir()
    const tree = join(outside, 'tree')
    mkdirSync(join(tree, 'd'), { recursive: true })
    writeFileSync(join(outside, 'canary'), 'canary')
    writeFileSync(join(tree, 'd/file'), '0123456789')
    // What those would find who stay inside by passing over that they are led out.
    for (const path of ['canary', 'etc/passwd', 'tree/d/file']) {
      mkdirSync(join(tree, path, '..'), { recursive: true })
      writeFileSync(join(tree, path), '')
    }
    await use(tree)
    await vi.waitFor(() => expect(openBelow(outside)).toEqual([]))
  },
})

function openBelow(dir: string): string[] {
  const open = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return ''
    }
  })
  return open.filter((path) => path.startsWith(dir))
}

async function read(tree: string, path: string, range?: ByteRange) {
  const { content, ...bytes } = await openFile(tree, path, range)
  return { ...bytes, text: await text(content) }
}

test('a file is read as it is, or as much of it as is asked for', async ({ tree }) => {
  const size = 10
  expect(await read(tree, 'd/file')).toEqual({ size, from: 0, bytes: 10, text: '0123456789' })
  expect(await read(tree, 'd/file', { from: 3, to: 5 })).toEqual({
    size,
    from: 3,
    bytes: 3,
    text: '345',
  })
  expect(await read(tree, 'd/file', { last: 2 })).toEqual({ size, from: 8, bytes: 2, text: '89' })
  const wrong = openFile(tree, 'd/file', { from: 10 })
  await expect(wrong).rejects.toMatchObject({ name: 'NoSuchBytes', size })
})

test('a large file is read to its last byte, from any byte on', async ({ tree }) => {
  const content = Array.from({ length: 100_000 }, (_, line) => `${line}\n`).join('')
  writeFileSync(join(tree, 'large'), content)
  for (const from of [0, 1, 262_143, 262_144, content.length - 1])
    expect((await read(tree, 'large', { from })).text).toBe(content.slice(from))
  writeFileSync(join(tree, 'empty'), '')
  expect(await read(tree, 'empty')).toMatchObject({ size: 0, text: '' })
})

test('links are followed as long as they stay inside', async ({ tree }) => {
  const ways = { link: 'd/file', 'd/same': './file', by: 'd/../link', deep: 'd/up/d/file' }
  symlinkSync('..', join(tree, 'd/up'))
  for (const [path, target] of Object.entries(ways)) symlinkSync(target, join(tree, path))
  for (const path of [...Object.keys(ways), 'd/up/link'])
    expect((await read(tree, path)).text).toBe('0123456789')
})

test.for([
  ['out', '../canary'],
  ['d/out', '../../canary'],
  ['back', '../tree/d/file'],
  ['by', 'd/up/../canary'],
  ['absolute', '/etc/passwd'],
  ['dangling', 'nowhere'],
  ['over', 'd/file/../file'],
  ['self', 'self'],
  ['circle', 'd/circle'],
] as const)('%s, a link to %s, leads to nothing', async ([path, target], { tree }) => {
  symlinkSync('..', join(tree, 'd/up'))
  symlinkSync('../circle', join(tree, 'd/circle'))
  symlinkSync(target, join(tree, path))
  await expect(openFile(tree, path)).rejects.toMatchObject({ name: 'NoSuchFile' })
})

test('an absolute link leads to nothing also where it would lead inside', async ({ tree }) => {
  symlinkSync(join(tree, 'd/file'), join(tree, 'absolute'))
  await expect(openFile(tree, 'absolute')).rejects.toMatchObject({ name: 'NoSuchFile' })
})

test('what is no file is told as what it is, and what is not there as nothing', async ({
  tree,
}) => {
  execFileSync('mkfifo', [join(tree, 'pipe')])
  symlinkSync('d', join(tree, 'to-d'))
  for (const path of ['', 'd', 'to-d', 'pipe'])
    await expect(openFile(tree, path)).rejects.toMatchObject({ name: 'NotAFile' })
  mkdirSync(join(tree, 'lost+found'))
  writeFileSync(join(tree, 'lost+found/file'), '')
  for (const path of ['none', 'd/none', 'd/file/x', 'lost+found/file', 'n'.repeat(300)])
    await expect(openFile(tree, path)).rejects.toMatchObject({ name: 'NoSuchFile' })
})

test('a file that grows is read as long as it was, one that shrinks is an error', async ({
  tree,
}) => {
  const growing = await openFile(tree, 'd/file')
  await appendFile(join(tree, 'd/file'), 'more')
  expect(await text(growing.content)).toBe('0123456789')
  const shrinking = await openFile(tree, 'd/file')
  truncateSync(join(tree, 'd/file'), 3)
  await expect(text(shrinking.content)).rejects.toMatchObject({ code: 'changed-while-reading' })
})

test('who does not read a file to its end closes it', async ({ tree }) => {
  writeFileSync(join(tree, 'large'), 'x'.repeat(2 ** 21))
  const unread = await openFile(tree, 'large')
  unread.content.destroy()
  const begun = await openFile(tree, 'large')
  for await (const _ of begun.content) break
})

test('what is reached by a directory that has become a link is not there', async ({ tree }) => {
  symlinkSync('d', join(tree, 'swapped'))
  symlinkSync('..', join(tree, 'away'))
  for (const path of ['swapped/file', 'away/canary'])
    await expect(openPlace(join(tree, path))).rejects.toMatchObject({ name: 'NoSuchFile' })
  const list = async (at: string) => readdirSync(at)
  expect(await inDirectory(join(tree, 'd'), list)).toEqual(['file'])
  await expect(inDirectory(join(tree, 'away/tree'), list)).rejects.toMatchObject({
    name: 'NoSuchFile',
  })
  await expect(inDirectory(join(tree, 'swapped'), list)).rejects.toMatchObject({ code: 'ENOTDIR' })
})
