import { randomBytes } from 'node:crypto'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { setImmediate as soon } from 'node:timers/promises'
import zlib, { constants } from 'node:zlib'
import { expect, test } from 'vitest'
import { ArchiveError } from './archive-error.ts'
import type { Coding } from '#shared/domain/archive-type.ts'
import { decompress } from './decompress.ts'
import { entriesOf } from './entries.ts'
import { measure } from './measure.ts'
import { pack } from './pack.ts'
import { END, entry, streamOf } from './test-archives.ts'
import { temporaryDir } from './test-dir.ts'
import { unpack } from './unpack.ts'

const noise = randomBytes(100_000)
const tar = Buffer.concat([
  entry({ name: 'a' }, noise),
  entry({ name: 'b' }, 'b'.repeat(9999)),
  END,
])
const frame = zlib.zstdCompressSync(tar, { params: { [constants.ZSTD_c_checksumFlag]: 1 } })

const contentOf = (...chunks: Buffer[]): Promise<Buffer> =>
  buffer(Readable.from(decompress(streamOf(...chunks), {})))

test('a tree that was packed with zstd is unpacked as it was, and its entries are found', async () => {
  const dir = await temporaryDir()
  await writeFile(join(dir, 'noise'), noise)
  await writeFile(join(dir, 'text'), 'text '.repeat(50_000))
  const back = await temporaryDir()
  expect(await unpack(pack(dir, { coding: 'zstd' }), back)).toEqual(await measure(dir))
  const names: string[] = []
  for await (const { path } of entriesOf(pack(dir, { coding: 'zstd' }))) names.push(path)
  expect(names).toEqual(['noise', 'text'])
})

test.for(['gzip', 'zstd'] as Coding[])(
  'what is packed with %s is the same bytes, however slowly they are taken',
  async (coding) => {
    const dir = await temporaryDir()
    await writeFile(join(dir, 'noise'), noise)
    for (let index = 0; index < 50; index += 1)
      await writeFile(join(dir, `${index}`), `${index} and text `.repeat(index * 1000))
    const whole = await buffer(pack(dir, { coding }))
    const parts: Buffer[] = []
    for await (const part of pack(dir, { coding })) {
      parts.push(part as Buffer)
      await soon()
    }
    expect(Buffer.concat(parts).equals(whole)).toBe(true)
  },
)

test('a zstd stream is read in chunks of any size', async () => {
  const small = zlib.zstdCompressSync(tar.subarray(0, 3000))
  const bytes = Array.from(small, (byte) => Buffer.from([byte]))
  expect((await contentOf(...bytes)).equals(tar.subarray(0, 3000))).toBe(true)
})

test.for([
  ['something behind its end', Buffer.concat([frame, Buffer.from('junk')]), 'damaged'],
  ['very much behind its end', Buffer.concat([frame, Buffer.alloc(8 << 20, 'junk')]), 'damaged'],
  ['a second frame', Buffer.concat([frame, frame]), 'damaged'],
  ['a byte that has changed', flipped(frame, 5000), 'damaged'],
  ['a byte of its checksum that has changed', flipped(frame, frame.length - 1), 'damaged'],
  ['a window of 32 MiB', wide(), 'too-large'],
  ['another compression', Buffer.from('BZh91AY&SY'), 'not-gzip'],
] as [string, Buffer, string][])('zstd with %s is refused', async ([, archive, code]) => {
  await expect(contentOf(archive)).rejects.toMatchObject({ name: 'ArchiveError', code })
})

function flipped(bytes: Buffer, at: number): Buffer {
  const changed = Buffer.from(bytes)
  changed[at] = (changed[at] ?? 0) ^ 1
  return changed
}

function wide(): Buffer {
  const params = { [constants.ZSTD_c_windowLog]: 25 }
  return zlib.zstdCompressSync(Buffer.alloc(1 << 26), { params })
}

test('every cut of a zstd archive is refused', async () => {
  const dir = await temporaryDir()
  for (let length = 0; length < frame.length; length += 4999)
    await expect(unpack(streamOf(frame.subarray(0, length)), dir)).rejects.toThrow(ArchiveError)
  await expect(unpack(streamOf(frame.subarray(0, -1)), dir)).rejects.toThrow(ArchiveError)
  expect(await readdir(dir)).toEqual([])
})

test('what is only very regular is no bomb, but for who says so', async () => {
  const zeros = zlib.zstdCompressSync(Buffer.alloc(65 << 20))
  expect((await contentOf(zeros)).length).toBe(65 << 20)
  const careful = buffer(Readable.from(decompress(streamOf(zeros), { maxArchiveRatio: 1000 })))
  await expect(careful).rejects.toMatchObject({ code: 'too-large' })
})

test('who has seen enough stops the stream, also one from which nothing comes', async () => {
  const idle = new Readable({ read() {} })
  idle.push(frame)
  for await (const _ of decompress(idle, {})) break
  expect(idle.destroyed).toBe(true)
})
