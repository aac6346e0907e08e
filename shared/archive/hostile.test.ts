import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'
import { describe, expect, test } from 'vitest'
import { ArchiveError } from './archive-error.ts'
import { CORPUS, file, long, many, zipped } from './test-hostile-archives.ts'
import { entry, streamOf, tgz } from './test-archives.ts'
import { temporaryDir } from './test-dir.ts'
import { unpack } from './unpack.ts'

describe.each(CORPUS)('unpack refuses hostile %s and leaves nothing behind:', (_, cases, usual) => {
  test.each(Object.entries(cases))('%s', async (_, { archive, code = usual, says, limits }) => {
    const outside = await temporaryDir()
    await writeFile(join(outside, 'canary'), 'untouched')
    const dir = join(outside, 'volume')
    await mkdir(dir)

    const error = await unpack(streamOf(archive), dir, limits).then(
      () => undefined,
      (error: unknown) => error,
    )

    expect(error).toBeInstanceOf(ArchiveError)
    expect(error).toMatchObject({ code, message: expect.stringMatching(says ?? /\. /) })
    expect(await readdir(dir)).toEqual([])
    expect(await readdir(outside)).toEqual(['canary', 'volume'])
    expect(await readFile(join(outside, 'canary'), 'utf8')).toBe('untouched')
  })
})

test('At least forty archives are refused, and none of them is another one again', () => {
  const all = CORPUS.flatMap(([, cases]) => Object.values(cases))
  const digests = all.map(({ archive }) => createHash('sha256').update(archive).digest('hex'))
  expect(new Set(digests).size).toBe(all.length)
  expect(all.length).toBeGreaterThanOrEqual(40)
})

test('Names that differ in their letters alone are two files, or the second is refused: none is written over', async () => {
  const dir = await temporaryDir()
  const archive = tgz(entry({ name: 'Twin' }, 'one'), entry({ name: 'twin' }, 'two'))
  await unpack(streamOf(archive), dir).catch(() => {})
  const kept = await Promise.all(
    (await readdir(dir)).map(async (name) => [name, await readFile(join(dir, name), 'utf8')]),
  )
  expect([
    [],
    [
      ['Twin', 'one'],
      ['twin', 'two'],
    ],
  ]).toContainEqual(kept.toSorted())
})

test('The message of a refusal names the entry on one line, whatever its name', async () => {
  const dir = await temporaryDir()
  const archive = tgz(entry({ name: 'a\nb', type: '6' }))
  await expect(unpack(streamOf(archive), dir)).rejects.toThrow(
    '"a\\nb" is refused: it is a FIFO; only files, directories and links are kept.',
  )
})

test('A directory that is not empty is refused and left as it is', async () => {
  const dir = await temporaryDir()
  await writeFile(join(dir, 'mine'), 'kept')
  const stream = streamOf(tgz(file))
  await expect(unpack(stream, dir)).rejects.toMatchObject({ code: 'not-empty' })
  expect(await readdir(dir)).toEqual(['mine'])
  expect(stream.destroyed).toBe(true)
})

test('A directory lost+found counts as empty and survives a failure', async () => {
  const dir = await temporaryDir()
  await mkdir(join(dir, 'lost+found'))
  await expect(unpack(streamOf(zipped.subarray(0, 60)), dir)).rejects.toThrow(ArchiveError)
  expect(await readdir(dir)).toEqual(['lost+found'])
  await unpack(streamOf(zipped), dir)
  expect((await readdir(dir)).sort()).toEqual(['b', 'good.txt', 'lost+found'])
})

test('Every cut of an archive is refused', async () => {
  const dir = await temporaryDir()
  for (let length = 0; length < zipped.length; length += 7) {
    await expect(unpack(streamOf(zipped.subarray(0, length)), dir)).rejects.toThrow(ArchiveError)
    expect(await readdir(dir)).toEqual([])
  }
})

test('A stream that fails half-way leaves the directory empty and its own error', async () => {
  const dir = await temporaryDir()
  const archive = tgz(...many, entry({ name: 'noise' }, Buffer.from(long.repeat(2000))))
  const stream = Readable.from(
    (async function* () {
      yield archive.subarray(0, archive.length - 50)
      throw new Error('the client went away')
    })(),
  )
  await expect(unpack(stream, dir)).rejects.toThrow('the client went away')
  expect(await readdir(dir)).toEqual([])
})

test('An abort half-way leaves the directory empty and destroys the stream', async () => {
  const dir = await temporaryDir()
  const abort = new AbortController()
  const stream = streamOf(tgz(...many))
  const onProgress = ({ path }: { path: string }) => path === 'f20' && abort.abort()
  const unpacking = unpack(stream, dir, { signal: abort.signal, onProgress })
  await expect(unpacking).rejects.toMatchObject({ name: 'AbortError' })
  expect(await readdir(dir)).toEqual([])
  expect(stream.destroyed).toBe(true)
})

test('Nothing is begun when it was aborted before', async () => {
  const dir = await temporaryDir()
  const stream = streamOf(zipped)
  const unpacking = unpack(stream, dir, { signal: AbortSignal.abort() })
  await expect(unpacking).rejects.toMatchObject({ name: 'AbortError' })
  expect(await readdir(dir)).toEqual([])
  expect(stream.destroyed).toBe(true)
})

test('An archive of tar-stream with an escaping link is refused as well', async () => {
  const dir = await temporaryDir()
  const tar = pack()
  tar.entry({ name: 'fine' }, 'fine')
  tar.entry({ name: `${long}/l`, type: 'symlink', linkname: '../../canary' })
  tar.finalize()
  const parts: Buffer[] = []
  for await (const part of tar) parts.push(part as Buffer)
  const unpacking = unpack(streamOf(gzipSync(Buffer.concat(parts))), dir)
  await expect(unpacking).rejects.toMatchObject({ code: 'bad-entry' })
  expect(await readdir(dir)).toEqual([])
})

/** Runs with a file system of one MiB, where the machine lets us make one. */
async function smallFileSystem(): Promise<string | undefined> {
  const dir = await mkdtemp('/tmp/archive-full-')
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', dir], { stdio: 'ignore' })
    return dir
  } catch {
    execFileSync('rmdir', [dir])
    return undefined
  }
}

test('A full disk is reported as such and leaves the directory empty', async (context) => {
  const dir = await smallFileSystem()
  if (!dir) return context.skip('needs the right to mount')
  try {
    for (const size of [40_000, 3_000_000]) {
      const files = Array.from({ length: 40 }, (_, i) =>
        entry({ name: `f${i}` }, Buffer.alloc(size)),
      )
      const archive = tgz(...files.slice(0, size > 1e6 ? 1 : 40))
      await expect(unpack(streamOf(archive), dir)).rejects.toMatchObject({ code: 'ENOSPC' })
      expect(await readdir(dir)).toEqual([])
    }
  } finally {
    execFileSync('umount', [dir])
    execFileSync('rmdir', [dir])
  }
})
