import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, linkSync, lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { readlinkSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { stubOfTheWire } from '#shared/client/stub-of-the-wire.ts'
import { idOf, sampleData, sampleRun } from '#shared/client/wire-samples.ts'
import { knit, projectFor, tempDir } from '../../testing.ts'

const knitId = idOf('d1')
const pushed = sampleData('d1', sampleRun('u1', { outputs: [['/upload', 'd1']] }))
const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest('hex')

/** A server that keeps what is pushed, and gives it back. */
async function keeping() {
  let kept: Buffer = Buffer.alloc(0)
  const stub = await stubOfTheWire(({ method, body }) => {
    if (method === 'GET') return { body: kept, trailers: { 'x-checksum-md5': md5(kept) } }
    kept = body
    return { json: pushed }
  })
  return {
    dir: projectFor(stub),
    archive: () => kept,
    [Symbol.asyncDispose]: () => stub[Symbol.asyncDispose](),
  }
}

const longName = 'n'.repeat(255)
const deep = 'deep/'.repeat(60)
const wide = 'データ/画像 🎨'

/** Something of everything that can lie in a directory. */
function grow(dir: string): void {
  for (const path of ['', 'empty', 'nested/empty', deep, wide])
    mkdirSync(join(dir, path), { recursive: true })
  const programs = { run: '#!/bin/sh', fixed: '#!/bin/sh' }
  const files = { a: 'shared', ...programs, secret: 's', 'read-only': 'r', 'line\nbreak': '' }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text)
  linkSync(join(dir, 'a'), join(dir, 'b'))
  const modes = { run: 0o755, fixed: 0o555, secret: 0o600, 'read-only': 0o444 }
  for (const [name, mode] of Object.entries(modes)) chmodSync(join(dir, name), mode)
  for (const folder of [deep, wide]) writeFileSync(join(dir, folder, longName), folder)
  symlinkSync('nested/../a', join(dir, 'link'))
  symlinkSync(`${deep}${longName}`, join(dir, 'far'))
  symlinkSync('gone', join(dir, 'dangling'))
  writeFileSync(join(dir, 'sparse'), 'begin')
  truncateSync(join(dir, 'sparse'), 20_000_000)
}

/** Every path with what it is: its mode, and its content or where it leads. */
function seen(dir: string, below = ''): string[] {
  const names = readdirSync(join(dir, below)).toSorted()
  return names.flatMap((name) => {
    const path = join(below, name)
    const stats = lstatSync(join(dir, path))
    if (stats.isDirectory()) return [`${path}/`, ...seen(dir, path)]
    if (stats.isSymbolicLink()) return [`${path} -> ${readlinkSync(join(dir, path))}`]
    const mode = (stats.mode & 0o777).toString(8)
    return [`${path} ${mode} ${md5(readFileSync(join(dir, path)))}`]
  })
}

test('all that lies in a directory is sent so that tar reads it, and comes back as it was', async () => {
  await using server = await keeping()
  const { dir } = server
  grow(join(dir, 'set'))
  expect((await knit(['data', 'push', 'set'], dir)).code).toBe(0)
  const byTar = tempDir()
  execFileSync('tar', ['xzf', '-', '-C', byTar], { input: server.archive() })
  expect(seen(byTar)).toEqual(seen(join(dir, 'set')))
  expect((await knit(['data', 'pull', '-x', knitId], dir)).code).toBe(0)
  expect(seen(join(dir, knitId))).toEqual(seen(join(dir, 'set')))
})

test('the archive that is pulled is byte for byte the one that was kept', async () => {
  await using server = await keeping()
  const { dir } = server
  grow(join(dir, 'set'))
  await knit(['data', 'push', 'set'], dir)
  await knit(['data', 'pull', knitId], dir)
  expect(readFileSync(join(dir, `${knitId}.tar.gz`)).equals(server.archive())).toBe(true)
})

test.each([
  ['a directory', 'set', ['x -> y', 'y']],
  ['a directory with a slash behind it', 'set/', ['x -> y', 'y']],
  ['a link to a directory', 'to-set', ['x -> y', 'y']],
  ['a single file', 'set/y', ['y']],
  ['a link to a file', 'set/x', ['x']],
  [
    'the directory one is in',
    '.',
    ['.knitprofile', 'set/', 'set/x -> y', 'set/y', 'store', 'to-set -> set'],
  ],
])('%s can be pushed', async (_, source, expected) => {
  await using server = await keeping()
  const { dir } = server
  mkdirSync(join(dir, 'set'))
  writeFileSync(join(dir, 'set/y'), 'y')
  symlinkSync('y', join(dir, 'set/x'))
  symlinkSync('set', join(dir, 'to-set'))
  expect((await knit(['data', 'push', source], dir)).code).toBe(0)
  const out = tempDir()
  execFileSync('tar', ['xzf', '-', '-C', out], { input: server.archive() })
  expect(seen(out).map((line) => line.replace(/ \d+ \w+$/, ''))).toEqual(expected)
})

test('--dereference sends what links lead to, and refuses those that lead nowhere or round', async () => {
  await using server = await keeping()
  const { dir } = server
  mkdirSync(join(dir, 'set/d'), { recursive: true })
  writeFileSync(join(dir, 'outside'), 'o')
  symlinkSync('../outside', join(dir, 'set/file'))
  writeFileSync(join(dir, 'set/d/x'), 'x')
  symlinkSync('d', join(dir, 'set/same'))
  expect((await knit(['data', 'push', 'set', '-L'], dir)).code).toBe(0)
  const out = tempDir()
  execFileSync('tar', ['xzf', '-', '-C', out], { input: server.archive() })
  expect(seen(out).map((line) => line.split(' ')[0])).toEqual([
    'd/',
    'd/x',
    'file',
    'same/',
    'same/x',
  ])
  for (const [target, message] of [
    ['nowhere', '"bad" is a link to something that does not exist'],
    ['.', '"bad" is a link that leads back to where it is'],
  ] as const) {
    execFileSync('ln', ['-sfn', target, join(dir, 'set/bad')])
    const { code, stderr } = await knit(['data', 'push', 'set', '-L'], dir)
    expect(code).toBe(1)
    expect(stderr).toContain(message)
  }
})

test('a link that leads nowhere is a missing source', async () => {
  await using server = await keeping()
  symlinkSync('gone', join(server.dir, 'dangling'))
  const { code, stderr } = await knit(['data', 'push', 'dangling'], server.dir)
  expect(code).toBe(1)
  expect(stderr).toContain('no such file: dangling')
})
