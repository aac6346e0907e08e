import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { appendFile, chmod, link, lstat, mkdir, readdir, readFile } from 'node:fs/promises'
import { readlink, symlink, truncate, utimes, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { createGunzip, gzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import { extract } from 'tar-stream'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Measure } from '#shared/domain/worker.ts'
import { ArchiveError } from './archive-error.ts'
import { measure } from './measure.ts'
import { pack, type PackOptions } from './pack.ts'
import { END, entry, gnuLong, pax, streamOf, tgz } from './test-archives.ts'
import { temporaryDir } from './test-dir.ts'
import { unpack } from './unpack.ts'

type Tree = Record<string, string | { to: string } | { mode: number; text: string } | 'dir'>

async function grow(dir: string, tree: Tree): Promise<void> {
  for (const [path, node] of Object.entries(tree)) {
    const location = join(dir, path)
    if (node === 'dir') {
      await mkdir(location, { recursive: true })
      continue
    }
    await mkdir(dirname(location), { recursive: true })
    if (typeof node === 'string') await writeFile(location, node)
    else if ('to' in node) await symlink(node.to, location)
    else {
      await writeFile(location, node.text)
      await chmod(location, node.mode)
    }
  }
}

/** What is in a directory, as text that can be compared. */
async function listing(dir: string, path = ''): Promise<string[]> {
  const lines: string[] = []
  for (const name of (await readdir(join(dir, path))).sort()) {
    const here = path ? `${path}/${name}` : name
    const stats = await lstat(join(dir, here))
    const mode = (stats.mode & 0o777).toString(8)
    if (stats.isDirectory()) lines.push(`${here}/`, ...(await listing(dir, here)))
    else if (stats.isSymbolicLink()) lines.push(`${here} -> ${await readlink(join(dir, here))}`)
    else lines.push(`${here} ${mode} ${(await readFile(join(dir, here))).toString('base64')}`)
  }
  return lines
}

async function entriesOf(archive: Readable) {
  const entries: { name: string; type: string; mode: number; size: number; mtime: Date }[] = []
  const tar = archive.pipe(createGunzip()).pipe(extract() as unknown as NodeJS.WritableStream)
  for await (const found of tar as unknown as ReturnType<typeof extract>) {
    entries.push(found.header)
    found.resume()
  }
  return entries
}

async function namesOf(dir: string, options?: PackOptions): Promise<string[]> {
  return (await entriesOf(pack(dir, options))).map((found) => found.name)
}

async function collected(stream: Readable): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of stream) parts.push(part)
  return Buffer.concat(parts)
}

const TREE: Tree = {
  'a.txt': 'hello',
  'empty/': 'dir',
  'nested/also/empty/': 'dir',
  'nothing.txt': '',
  'dir/b.txt': 'x'.repeat(100_000),
  'dir/large.bin': randomBytes(400_000).toString('hex'),
  'bin/run': { mode: 0o755, text: '#!/bin/sh' },
  private: { mode: 0o600, text: 'secret' },
  'read-only': { mode: 0o444, text: 'as it is' },
  'bin/fixed': { mode: 0o555, text: '#!/bin/sh' },
  link: { to: 'dir/b.txt' },
  'dir/up': { to: '../a.txt' },
  dangling: { to: 'not/there' },
  'to-dir': { to: 'dir' },
  'データ/画像 🎨.png': 'wide',
  'line\nbreak "quoted" \\ back': 'odd',
  [`${'long/'.repeat(40)}${'n'.repeat(255)}`]: 'deep',
  'long-target': { to: `${'long/'.repeat(40)}${'n'.repeat(255)}` },
  '-rf': 'dash',
  '.hidden': 'dot',
}

describe('pack and unpack', () => {
  test('bring a tree with everything in it back as it was', async () => {
    const [source, target] = [await temporaryDir(), await temporaryDir()]
    await grow(source, TREE)
    const measured = await unpack(pack(source), target)
    expect(await listing(target)).toEqual(await listing(source))
    expect(measured).toEqual(await measure(source))
    expect(measured).toEqual(await measure(target))
    expect(measured.files).toBe(18)
  })

  test('are each other’s inverse for any tree', { timeout: 30_000 }, async () => {
    const name = fc.oneof(
      fc.constantFrom('a', 'b', 'A', 'ab', 'a-b', 'a.b', 'é', '界', '🎨', '￿'),
      fc
        .string({ minLength: 1, maxLength: 60, unit: 'grapheme' })
        .filter(
          (text) =>
            !/[/\0]/.test(text) &&
            Buffer.byteLength(text) <= 255 &&
            !['.', '..', 'lost+found'].includes(text),
        ),
    )
    const file = fc.record({
      text: fc.oneof(
        fc.string(),
        fc.integer({ max: 300_000, min: 0 }).map((n) => 'z'.repeat(n)),
      ),
      mode: fc.constantFrom(0o600, 0o644, 0o440, 0o755, 0o500),
    })
    const node = fc.oneof(file, fc.constant('dir' as const), fc.constant({ to: 'anything' }))
    const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'))
    const tree = fc.dictionary(path, node, { maxKeys: 12, noNullPrototype: true })
    const root = await temporaryDir()
    let count = 0
    await fc.assert(
      fc.asyncProperty(tree.filter(isTree), async (tree) => {
        const [source, target] = [join(root, `s${count}`), join(root, `t${count++}`)]
        await mkdir(source)
        await mkdir(target)
        await grow(source, tree)
        const measured = await unpack(pack(source), target)
        expect(await listing(target)).toEqual(await listing(source))
        expect(await measure(target)).toEqual(measured)
        expect(await measure(source)).toEqual(measured)
      }),
      { numRuns: 60 },
    )
  })

  test('carry an empty directory', async () => {
    const [source, target] = [await temporaryDir(), await temporaryDir()]
    const measured = await unpack(pack(source), target)
    expect(measured).toEqual({ bytes: 0, files: 0, digest: (await measure(source)).digest })
    expect(await readdir(target)).toEqual([])
  })

  test('carry a single file under its own name, also through a link', async () => {
    const [source, target] = [await temporaryDir(), await temporaryDir()]
    await grow(source, { 'one.csv': '1,2', 'alias.csv': { to: 'one.csv' } })
    await unpack(pack(join(source, 'alias.csv')), target)
    expect(await listing(target)).toEqual([expect.stringContaining('alias.csv 644')])
    expect(await namesOf(join(source, 'one.csv'))).toEqual(['one.csv'])
    expect((await measure(join(source, 'one.csv'))).bytes).toBe(3)
  })
})

/** No path is both a file and the parent of another, not even where case or form do not count. */
function isTree(tree: Tree): boolean {
  const paths = Object.entries(tree).filter(([, node]) => node !== 'dir')
  return paths.every(([leaf]) =>
    Object.keys(tree).every((path) => path === leaf || !`${path}/`.startsWith(`${leaf}/`)),
  )
}

describe('pack', () => {
  test('goes depth first in byte order and names only empty directories', async () => {
    const dir = await temporaryDir()
    await grow(dir, { 'a/x': '', 'a-b': '', 'B.txt': '', 'b.txt': '', '￮': '', '🎨': '', e: 'dir' })
    expect(await namesOf(dir)).toEqual(['B.txt', 'a/x', 'a-b', 'b.txt', 'e/', '￮', '🎨'])
  })

  test('writes permissions, whole seconds and nobody’s name', async () => {
    const dir = await temporaryDir()
    await grow(dir, { old: '', new: '', set: '' })
    await chmod(join(dir, 'set'), 0o4755)
    await utimes(join(dir, 'old'), new Date(0), new Date(-5000))
    await utimes(join(dir, 'new'), 0, 5_000_000_000)
    await utimes(join(dir, 'set'), 0, 1_700_000_000.9)
    const [late, early, set] = await entriesOf(pack(dir))
    expect(set).toMatchObject({ mode: 0o755, uid: 0, gid: 0, uname: '', gname: '' })
    expect(set?.mtime).toEqual(new Date(1_700_000_000_000))
    expect(early?.mtime).toEqual(new Date(0))
    expect(late?.mtime).toEqual(new Date(0x7fffffff * 1000))
  })

  test('writes the same bytes for the same tree', async () => {
    const dir = await temporaryDir()
    await grow(dir, TREE)
    expect(await collected(pack(dir))).toEqual(await collected(pack(dir)))
  })

  test('makes hard links files of their own', async () => {
    const dir = await temporaryDir()
    await grow(dir, { a: 'shared' })
    await link(join(dir, 'a'), join(dir, 'b'))
    const entries = await entriesOf(pack(dir))
    expect(entries.map(({ type, size }) => [type, size])).toEqual([
      ['file', 6],
      ['file', 6],
    ])
  })

  test('packs what links point to when asked', async () => {
    const dir = await temporaryDir()
    await grow(dir, {
      'data/real/x': 'x',
      'data/again': { to: 'real' },
      'data/file': { to: 'real/x' },
      'data/large': { to: '../large' },
      large: 'l'.repeat(100_000),
    })
    const names = await namesOf(join(dir, 'data'), { dereference: true })
    expect(names).toEqual(['again/x', 'file', 'large', 'real/x'])
  })

  test.each([
    ['a loop of directories', { 'a/back': { to: '..' } }, 'a/back'],
    ['a loop over two links', { 'a/x': { to: '../b' }, 'b/y': { to: '../a' } }, 'a/x/y'],
    ['a link to itself', { self: { to: 'self' } }, 'self'],
    ['a dangling link', { 'd/gone': { to: 'nowhere' } }, 'd/gone'],
  ])('refuses to follow %s', async (_, tree: Tree, path) => {
    const dir = await temporaryDir()
    await grow(dir, tree)
    const packing = collected(pack(dir, { dereference: true }))
    await expect(packing).rejects.toMatchObject({ code: 'bad-entry' })
    await expect(collected(pack(dir, { dereference: true }))).rejects.toThrow(`"${path}"`)
  })

  test('refuses FIFOs and sockets by name, and so does measure', async () => {
    const dir = await temporaryDir()
    execFileSync('mkfifo', [join(dir, 'pipe')])
    await expect(collected(pack(dir))).rejects.toThrow('"pipe" is a FIFO')
    await expect(measure(dir)).rejects.toThrow('"pipe" is a FIFO')
    const other = await temporaryDir()
    const server = createServer().listen(join(other, 'sock'))
    onTestFinished(() => void server.close())
    await expect(collected(pack(other))).rejects.toThrow('"sock" is a socket')
    await expect(collected(pack('/dev/null'))).rejects.toThrow('"null" is a device')
  })

  test('refuses a name that is not UTF-8', async () => {
    const dir = await temporaryDir()
    await writeFile(Buffer.concat([Buffer.from(`${dir}/x`), Buffer.from([0xff])]), '')
    await expect(collected(pack(dir))).rejects.toThrow('not UTF-8')
  })

  test('leaves lost+found out at the top only', async () => {
    const dir = await temporaryDir()
    await grow(dir, { 'lost+found/x': '', 'a/lost+found': '' })
    expect(await namesOf(dir)).toEqual(['a/lost+found'])
    expect((await measure(dir)).files).toBe(1)
  })

  test.each(['grows', 'shrinks'])('fails when a file %s meanwhile', async (how) => {
    const dir = await temporaryDir()
    const noise = Buffer.from(Array.from({ length: 2 ** 20 }, () => Math.random() * 256))
    await writeFile(join(dir, 'log'), Buffer.concat(Array.from({ length: 8 }, () => noise)))
    const stream = pack(dir)
    const reading = async () => {
      for await (const _ of stream) {
        if (how === 'grows') await appendFile(join(dir, 'log'), 'more')
        else await truncate(join(dir, 'log'), 2 ** 20)
      }
    }
    await expect(reading()).rejects.toMatchObject({
      code: 'changed-while-reading',
      message: expect.stringContaining('"log"'),
    })
  })

  test('fails with the error of the system for what it cannot read', async () => {
    const dir = await temporaryDir()
    await expect(collected(pack(join(dir, 'nowhere')))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('tells how far it is and stops when asked', async () => {
    const dir = await temporaryDir()
    await grow(dir, { a: 'one', b: 'x'.repeat(300_000), c: 'three' })
    const told: unknown[] = []
    await collected(pack(dir, { onProgress: (progress) => told.push(progress) }))
    expect(told[0]).toEqual({ bytes: 3, path: 'a' })
    expect(told.at(-1)).toEqual({ bytes: 300_008, path: 'c' })
    expect(told.length).toBeGreaterThan(3)

    const abort = new AbortController()
    const packing = collected(
      pack(dir, {
        signal: abort.signal,
        onProgress: ({ path }) => path === 'b' && abort.abort(),
      }),
    )
    await expect(packing).rejects.toMatchObject({ name: 'AbortError' })
  })

  test('goes no further than its reader, and closes what it had open', async () => {
    const dir = await temporaryDir()
    const noise = Buffer.from(Array.from({ length: 2 ** 20 }, () => Math.random() * 256))
    for (let i = 0; i < 16; i++) await writeFile(join(dir, `f${i}`), noise)
    let packed = 0
    const stream = pack(dir, { level: 1, onProgress: ({ bytes }) => (packed = bytes) })
    await new Promise((resolve) => stream.once('readable', resolve))
    // All that the stages before it may hold has been read when the thread pool has nothing left to do.
    for (let last = -1; last !== packed;) {
      last = packed
      for (let i = 0; i < 50; i++) await lstat(dir)
    }
    expect(packed).toBeLessThan(6 * 2 ** 20)
    stream.destroy()
    await vi.waitFor(async () => expect(await openBelow(dir)).toEqual([]))
  })
})

/** The files below a directory that this process has open. */
async function openBelow(dir: string): Promise<string[]> {
  const links = (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`))
  const open = await Promise.allSettled(links)
  return open
    .flatMap((found) => (found.status === 'fulfilled' ? [found.value] : []))
    .filter((path) => path.startsWith(dir))
}

describe('unpack', () => {
  test('accepts an archive without entries', async () => {
    const dir = await temporaryDir()
    expect(await unpack(streamOf(tgz()), dir)).toMatchObject({ bytes: 0, files: 0 })
  })

  test('masks setuid, setgid and sticky bits and keeps files readable for their owner', async () => {
    const dir = await temporaryDir()
    const archive = tgz(
      entry({ name: 'suid', mode: 0o7755 }, 'x'),
      entry({ name: 'locked', mode: 0 }, 'x'),
      entry({ name: 'dir/', type: '5', mode: 0o1000 }),
    )
    await unpack(streamOf(archive), dir)
    const mode = async (name: string) => (await lstat(join(dir, name))).mode & 0o7777
    expect(await mode('suid')).toBe(0o755)
    expect(await mode('locked')).toBe(0o400)
    expect(await mode('dir')).toBe(0o777 & ~process.umask())
  })

  test('reads several gzip members and chunks of any size', async () => {
    const dir = await temporaryDir()
    const tar = Buffer.concat([entry({ name: 'a' }, 'x'.repeat(2000)), END])
    const archive = Buffer.concat([
      gzipSync(tar.subarray(0, 700)),
      gzipSync(''),
      gzipSync(tar.subarray(700)),
    ])
    const bytes = Array.from(archive, (byte) => Buffer.from([byte]))
    expect(await unpack(streamOf(...bytes), dir)).toMatchObject({ files: 1, bytes: 2000 })
  })

  test('takes the name that metadata give, whatever the header says', async () => {
    const dir = await temporaryDir()
    const archive = tgz(
      pax([
        ['path', 'real'],
        ['comment', 'a\nb'],
        ['mtime', '1.5'],
      ]),
      entry({ name: '../../ignored' }, '1'),
      gnuLong('L', 'l'.repeat(150)),
      entry({ name: '/ignored', magic: 'ustar  \0' }, '2'),
      pax([['comment', 'from git']], 'g'),
      entry({ name: './dir/', type: '5' }),
      entry({ name: './', type: '5' }),
      entry({ name: 'dir/', type: '5' }),
    )
    await unpack(streamOf(archive), dir)
    expect((await readdir(dir)).sort()).toEqual(['dir', 'l'.repeat(150), 'real'])
  })

  test('tells how far it is, within large files too', async () => {
    const [source, dir] = [await temporaryDir(), await temporaryDir()]
    await grow(source, { a: 'one', b: 'x'.repeat(3_000_000), c: 'three' })
    const told: { bytes: number; path: string }[] = []
    await unpack(pack(source), dir, { onProgress: (progress) => told.push(progress) })
    expect(told[0]).toEqual({ bytes: 3, path: 'a' })
    expect(told.at(-1)).toEqual({ bytes: 3_000_008, path: 'c' })
    expect(told.filter(({ path }) => path === 'b').length).toBeGreaterThan(3)
    expect(told.map(({ bytes }) => bytes)).toEqual(
      told.map(({ bytes }) => bytes).toSorted((a, b) => a - b),
    )
  })

  test('makes hard links to earlier files and counts them as files', async () => {
    const dir = await temporaryDir()
    const archive = tgz(
      entry({ name: 'd/a', mode: 0o755 }, 'shared'),
      entry({ name: 'b', type: '1', target: 'd/a' }),
      entry({ name: 'd/c', type: '1', target: './d/a' }),
    )
    const measured = await unpack(streamOf(archive), dir)
    expect(measured).toMatchObject({ files: 3, bytes: 18 })
    expect(measured).toEqual(await measure(dir))
    expect(await readFile(join(dir, 'b'), 'utf8')).toBe('shared')
  })

  test('measures the same in whatever order entries come', async () => {
    const [one, other] = [await temporaryDir(), await temporaryDir()]
    const parts = ['a/x', 'a-b', 'b', 'a/y'].map((name) => entry({ name }, name))
    const forwards = await unpack(streamOf(tgz(...parts)), one)
    expect(await unpack(streamOf(tgz(...parts.reverse())), other)).toEqual(forwards)
    expect(await measure(one)).toEqual(forwards)
  })

  test('keeps links that stay inside, also by way of others', async () => {
    const dir = await temporaryDir()
    const archive = tgz(
      entry({ name: 'd/e/f' }, 'x'),
      entry({ name: 'd/up', type: '2', target: '..' }),
      entry({ name: 'short', type: '2', target: 'd/e' }),
      entry({ name: 'by', type: '2', target: 'short/../up/d/e/f' }),
      entry({ name: 'self', type: '2', target: '.' }),
    )
    await unpack(streamOf(archive), dir)
    expect(await readFile(join(dir, 'by'), 'utf8')).toBe('x')
  })
})

describe('measure', () => {
  test('gives the digest its definition says', async () => {
    const dir = await temporaryDir()
    await grow(dir, { 'd/x': { mode: 0o700, text: 'run' }, 'd-': '', l: { to: 'd/x' } })
    const script = `printf 'd\\0d\\0\\0x\\0d/x\\0003 %s\\0f\\0d-\\0000 %s\\0l\\0l\\0d/x\\0' \
      $(printf run | sha256sum | cut -c1-64) $(printf '' | sha256sum | cut -c1-64) | sha256sum`
    const expected = execFileSync('bash', ['-c', script], { encoding: 'utf8' }).slice(0, 64)
    expect(await measure(dir)).toEqual({ bytes: 3, files: 3, digest: `sha256:${expected}` })
  })

  test('gives what packing finds on its way', async () => {
    const dir = await temporaryDir()
    await grow(dir, { ...TREE, 'dir-': 'by bytes before dir/, by places behind it' })
    const told: Measure[] = []
    await collected(pack(dir, { onMeasured: (measured) => told.push(measured) }))
    expect(told).toEqual([await measure(dir)])
  })

  test.each<[string, Tree]>([
    ['content', { a: 'y', 'd/b': 'x' }],
    ['a name', { c: 'x', 'd/b': 'x' }],
    ['a place', { a: 'x', 'e/b': 'x' }],
    ['the executable bit', { a: { mode: 0o755, text: 'x' }, 'd/b': 'x' }],
    ['an empty directory', { a: 'x', 'd/b': 'x', e: 'dir' }],
    ['a link instead of a file', { a: { to: 'd/b' }, 'd/b': 'x' }],
  ])('notices a difference of %s', async (_, other) => {
    const [one, two] = [await temporaryDir(), await temporaryDir()]
    await grow(one, { a: 'x', 'd/b': 'x' })
    await grow(two, other)
    expect((await measure(two)).digest).not.toBe((await measure(one)).digest)
  })
})

describe('GNU tar', () => {
  test('reads what we pack', async () => {
    const [source, target] = [await temporaryDir(), await temporaryDir()]
    await grow(source, TREE)
    execFileSync('tar', ['xzf', '-', '-C', target], { input: await collected(pack(source)) })
    expect(await listing(target)).toEqual(await listing(source))
  })

  test.each(['gnu', 'posix', 'ustar'])('writes %s archives that we read', async (format) => {
    const [source, target] = [await temporaryDir(), await temporaryDir()]
    const { [`${'long/'.repeat(40)}${'n'.repeat(255)}`]: _, ...short } = TREE
    delete short['long-target']
    await grow(source, format === 'ustar' ? short : TREE)
    await link(join(source, 'a.txt'), join(source, 'zz-hard'))
    const options = ['czf', '-', `--format=${format}`, '-C', source, '.']
    const archive = execFileSync('tar', options, { maxBuffer: 2 ** 26 })
    const measured = await unpack(streamOf(archive), target)
    expect(measured).toEqual(await measure(source))
  })

  test.each(['gnu', 'posix'])(
    'is told to pack a sparse file again without --sparse, as %s archives have it',
    async (format) => {
      const source = await temporaryDir()
      await writeFile(join(source, 'holes'), 'x')
      await truncate(join(source, 'holes'), 5_000_000)
      const options = ['cf', '-', '--sparse', `--format=${format}`, '-C', source, '.']
      const archive = gzipSync(execFileSync('tar', options))
      const refused = unpack(streamOf(archive), await temporaryDir())
      await expect(refused).rejects.toThrow(/a sparse file .* Pack it again without --sparse/)
    },
  )
})

describe('Memory stays flat', () => {
  const probe = async (how: string, amount: number) => {
    const dir = await temporaryDir()
    await mkdir(join(dir, 'out'))
    const script = join(import.meta.dirname, 'memory.probe.ts')
    const args = [script, how, String(amount), dir]
    return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }))
  }

  test('from 16 to 256 MiB of data', { timeout: 60_000 }, async () => {
    const [small, large] = [await probe('bytes', 2 ** 24), await probe('bytes', 2 ** 28)]
    expect(large.bytes - small.bytes).toBe(240 * 2 ** 20)
    expect(large.peak - small.peak).toBeLessThan(80)
  })

  test('from 2,000 to 20,000 files', { timeout: 60_000 }, async () => {
    const [few, many] = [await probe('files', 2000), await probe('files', 20_000)]
    expect([few.files, many.files]).toEqual([2000, 20_000])
    expect(many.peak - few.peak).toBeLessThan(60)
  })
})

test('Every failure of an archive is an ArchiveError with a code', () => {
  const error = new ArchiveError('damaged', 'why')
  expect(error).toMatchObject({ name: 'ArchiveError', code: 'damaged', message: 'why' })
})
