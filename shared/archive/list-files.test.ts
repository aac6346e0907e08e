import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { FileEntry } from '#shared/domain/file-list.ts'
import { entriesOf } from './entries.ts'
import { lenient } from './keep.ts'
import { listFiles } from './list-files.ts'
import { pack } from './pack.ts'
import { temporaryDir } from './test-dir.ts'

/** A tree of files (text), links (`-> target`) and directories (a slash at the end). */
function grow(dir: string, ...things: string[]): void {
  for (const thing of things) {
    const [path = '', target] = thing.split(' -> ')
    const location = join(dir, path)
    mkdirSync(path.endsWith('/') ? location : dirname(location), { recursive: true })
    if (target !== undefined) symlinkSync(target, location)
    else if (!path.endsWith('/')) writeFileSync(location, path)
  }
}

const all = { path: '', limit: 10_000 }

/** Everything below a path, asked for in parts. */
async function inParts(dir: string, limit: number, path = ''): Promise<FileEntry[]> {
  const listed: FileEntry[] = []
  let after: string | undefined
  do {
    const part = await listFiles(dir, { path, limit, after })
    expect(part.files.length).toBeLessThanOrEqual(limit)
    listed.push(...part.files)
    after = part.after
  } while (after !== undefined)
  return listed
}

const shown = (files: readonly FileEntry[]): string[] =>
  files.map(({ path, type, target }) =>
    type === 'symlink' ? `${path} -> ${target}` : type === 'directory' ? `${path}/` : path,
  )
const list = async (dir: string, path = ''): Promise<string[]> =>
  shown((await listFiles(dir, { ...all, path })).files)

/** What an archive has of a tree, in its order. */
async function packed(dir: string): Promise<string[]> {
  const found: string[] = []
  for await (const { path, type, target } of entriesOf(pack(dir, lenient)))
    found.push(
      type === 'symlink' ? `${path} -> ${target}` : type === 'directory' ? `${path}/` : path,
    )
  return found
}

test('of each thing it is told where it is, what, how large, whose, from when, and where it leads', async () => {
  const dir = await temporaryDir()
  grow(dir, 'a.txt', 'd/empty/', 'd/link -> ../a.txt')
  chmodSync(join(dir, 'a.txt'), 0o4751)
  chmodSync(join(dir, 'd/empty'), 0o700)
  const time = new Date('2026-01-02T03:04:05.678Z')
  for (const path of ['a.txt', 'd/empty']) utimesSync(join(dir, path), time, time)
  const mtime = '2026-01-02T03:04:05.678+00:00'
  expect(await listFiles(dir, all)).toEqual({
    files: [
      { path: 'a.txt', type: 'file', size: 5, mode: '751', mtime },
      { path: 'd/empty', type: 'directory', size: 0, mode: '700', mtime },
      {
        path: 'd/link',
        type: 'symlink',
        size: 0,
        mode: '777',
        mtime: expect.stringMatching(/\+00:00$/),
        target: '../a.txt',
      },
    ],
  })
})

test('a directory is listed with all that is below it, a file or a link by itself, and nothing as nothing', async () => {
  const dir = await temporaryDir()
  grow(dir, 'a', 'd/e/f', 'd/empty/', 'd.txt', 'd/link -> e', 'out -> ../..')
  expect(await list(dir)).toEqual([
    'a',
    'd/e/f',
    'd/empty/',
    'd/link -> e',
    'd.txt',
    'out -> ../..',
  ])
  expect(await list(dir, 'd')).toEqual(['d/e/f', 'd/empty/', 'd/link -> e'])
  expect(await list(dir, 'd/empty')).toEqual(['d/empty/'])
  expect(await list(dir, 'd/e/f')).toEqual(['d/e/f'])
  expect(await list(dir, 'd/link')).toEqual(['d/link -> e'])
  expect(await list(dir, 'd/link/f')).toEqual(['d/link/f'])
  expect(await list(dir, 'out')).toEqual(['out -> ../..'])
  for (const path of [
    'none',
    'd/none',
    'a/b',
    'd/e/f/g',
    'D',
    `${'n'.repeat(256)}`,
    'x/'.repeat(4000),
  ])
    await expect(listFiles(dir, { ...all, path })).rejects.toMatchObject({ name: 'NoSuchFile' })
  expect(await list(await temporaryDir())).toEqual([])
})

test('nothing is listed by way of a link that leads out, in a circle, or nowhere', async () => {
  const outside = await temporaryDir()
  const dir = join(outside, 'tree')
  grow(outside, 'canary', 'tree/in/file')
  const ways = {
    up: '..',
    'in/up': '../..',
    back: '../tree',
    absolute: outside,
    home: dir,
    self: 'self',
    ping: 'pong',
    pong: 'ping',
    gone: 'nowhere',
    far: 'in/up/tree',
  }
  for (const [path, target] of Object.entries(ways)) symlinkSync(target, join(dir, path))
  for (const path of Object.keys(ways))
    for (const below of ['canary', 'in', 'in/file', 'file'])
      await expect(listFiles(dir, { ...all, path: `${path}/${below}` })).rejects.toMatchObject({
        name: 'NoSuchFile',
      })
})

test('what holds no bytes to keep, and the directory of the file system itself, are not listed', async () => {
  const dir = await temporaryDir()
  grow(dir, 'lost+found/secret', 'd/lost+found/kept', 'root -> .', 'a')
  execFileSync('mkfifo', [join(dir, 'pipe'), join(dir, 'd/pipe')])
  mkdirSync(join(dir, 'only'))
  execFileSync('mkfifo', [join(dir, 'only/pipe')])
  expect(await list(dir)).toEqual(['a', 'd/lost+found/kept', 'only/', 'root -> .'])
  expect(await list(dir, 'only')).toEqual(['only/'])
  for (const path of ['pipe', 'lost+found', 'lost+found/secret', 'root/lost+found/secret'])
    await expect(listFiles(dir, { ...all, path })).rejects.toMatchObject({ name: 'NoSuchFile' })
})

test('a name that is not UTF-8 is told, not passed over', async () => {
  const dir = await temporaryDir()
  writeFileSync(Buffer.concat([Buffer.from(`${dir}/a`), Buffer.from([0xff])]), '')
  await expect(listFiles(dir, all)).rejects.toMatchObject({
    name: 'Unreadable',
    message: expect.stringContaining('"a\ufffd" has a name that is not UTF-8'),
  })
})

test('a tree is listed in parts of any size as it is packed, each thing once', async () => {
  const name = fc.constantFrom('a', 'b', 'a.b', 'a-b', 'é', 'ﬀ', '🎨', ' ', 'a\nb', 'A', '0')
  const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'))
  const thing = fc.tuple(path, fc.constantFrom('', '/', ' -> a'))
  await fc.assert(
    fc.asyncProperty(
      fc.array(thing, { maxLength: 12 }),
      fc.integer({ min: 1, max: 5 }),
      async (things, limit) => {
        const dir = await temporaryDir()
        for (const [path, kind] of things) {
          try {
            grow(dir, path + kind)
          } catch {
            // Something else is there already.
          }
        }
        const expected = await packed(dir)
        expect(await list(dir)).toEqual(expected)
        expect(shown(await inParts(dir, limit))).toEqual(expected)
        const below = expected.filter((path) => path.startsWith('a/'))
        if (below.length > 0 && expected.every((path) => !/^a( ->|$)/.test(path)))
          expect(shown(await inParts(dir, limit, 'a'))).toEqual(below)
        rmSync(dir, { recursive: true })
      },
    ),
    { numRuns: 80 },
  )
})

test('a list goes on behind what has gone, or come, since', async () => {
  const dir = await temporaryDir()
  grow(dir, 'a', 'b/c', 'b/e', 'f/', 'z')
  const first = await listFiles(dir, { path: '', limit: 2 })
  expect(first.after).toBe('b/c')
  rmSync(join(dir, 'b'), { recursive: true })
  expect(shown((await listFiles(dir, { ...all, after: first.after })).files)).toEqual(['f/', 'z'])
  grow(dir, 'b/b', 'b/d', 'f/g')
  expect(shown((await listFiles(dir, { ...all, after: 'b/c' })).files)).toEqual(['b/d', 'f/g', 'z'])
  expect(shown((await listFiles(dir, { ...all, after: 'f' })).files)).toEqual(['f/g', 'z'])
  expect((await listFiles(dir, { ...all, after: 'zz' })).files).toEqual([])
  expect((await listFiles(dir, { ...all, path: 'z', after: 'z' })).files).toEqual([])
})

test('a part ends early when its names are long', async () => {
  const dir = await temporaryDir()
  const deep = `${'d'.repeat(250)}/`.repeat(12)
  const names = Array.from(
    { length: 400 },
    (_, index) => `${deep}${String(index).padStart(4, '0')}`,
  )
  grow(dir, ...names)
  const { files, after } = await listFiles(dir, all)
  expect(files.length).toBeLessThan(400)
  expect(after).toBe(files.at(-1)?.path)
  expect(shown(await inParts(dir, 10_000))).toEqual(names)
})

test('of a directory with many files a part is as small as it is asked for', async () => {
  const dir = await temporaryDir()
  const names = Array.from({ length: 2000 }, (_, index) => `f${index}`).toSorted()
  grow(dir, ...names)
  const part = await listFiles(dir, { path: '', limit: 3, after: names[999] })
  expect(part).toMatchObject({
    files: names.slice(1000, 1003).map((path) => ({ path, size: path.length })),
    after: names[1002],
  })
})
