import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import type { Part } from '#shared/domain/archive-part.ts'
import { until } from '#tests/support/until.ts'
import { NotKept, TakenOver, WrongOffset } from './reception-error.ts'
import { Receptions } from './reception.ts'
import { END, entry, streamOf } from './test-archives.ts'
import { temporaryDir } from './test-dir.ts'
import { unpack } from './unpack.ts'

const tar = Buffer.concat([
  entry({ name: 'noise' }, randomBytes(200_000)),
  ...Array.from({ length: 30 }, (_, index) => entry({ name: `text/${index}` }, `${index} `)),
  entry({ name: 'text/link', type: '2', target: '1' }),
  END,
])
const archives = { gzip: gzipSync(tar), zstd: zstdCompressSync(tar) }
const archive = archives.gzip
const md5 = (bytes: Buffer): string => createHash('md5').update(bytes).digest('hex')

/** Takes parts of an archive for one directory. */
async function reception(dir?: string) {
  const place = dir ?? (await temporaryDir())
  const receptions = new Receptions()
  const take = (stream: Readable, part: Partial<Part> = {}) =>
    receptions.take(place, stream, { from: 0, last: true, keep: 60, ...part }, (all) =>
      unpack(all, place),
    )
  return { dir: place, receptions, take }
}

/** A line that breaks behind some bytes. */
const breaking = (bytes: Buffer) =>
  Readable.from(
    (async function* () {
      for (let at = 0; at < bytes.length; at += 10_000) yield bytes.subarray(at, at + 10_000)
      throw new Error('the line broke')
    })(),
    { objectMode: false },
  )

/** How much has come, which whoever goes on asks. */
const askedOf = (take: Awaited<ReturnType<typeof reception>>['take']) =>
  take(streamOf(), { last: false }).catch((error: unknown) => {
    if (error instanceof WrongOffset) return error
    throw error
  })

test.for(['gzip', 'zstd'] as const)(
  'an archive (%s) over lines that break anywhere is unpacked as over one that does not',
  async (coding) => {
    const bytes = archives[coding]
    const once = await reception()
    const expected = await once.take(streamOf(bytes))
    expect(expected).toMatchObject({ bytes: bytes.length, md5: md5(bytes) })

    const { take } = await reception()
    for (const until of [1, 3, 4, 11, 5000, 100_001, 100_002, bytes.length - 9, bytes.length]) {
      const { bytes: from, md5: sum } = await askedOf(take)
      expect(sum).toBe(md5(bytes.subarray(0, from)))
      const line = breaking(bytes.subarray(from, until))
      await expect(take(line, { from })).rejects.toThrow('the line broke')
    }
    const { bytes: from } = await askedOf(take)
    expect(await take(streamOf(bytes.subarray(from)), { from })).toEqual(expected)
  },
)

test('parts that follow each other are one archive, and tell how much has come', async () => {
  const { take } = await reception()
  for (let at = 0; at < archive.length; at += 50_000) {
    const end = Math.min(at + 50_000, archive.length)
    const last = end === archive.length
    const received = await take(streamOf(archive.subarray(at, end)), { from: at, last })
    expect(received).toMatchObject({ bytes: end, md5: md5(archive.subarray(0, end)) })
    expect('measure' in received).toBe(last)
  }
})

test('a part that does not follow what has come is refused with how much that is, and spoils nothing', async () => {
  const { take } = await reception()
  await take(streamOf(archive.subarray(0, 1000)), { last: false })
  for (const from of [0, 999, 1001])
    await expect(take(streamOf(archive), { from })).rejects.toMatchObject({
      name: 'WrongOffset',
      bytes: 1000,
      md5: md5(archive.subarray(0, 1000)),
    })
  const rest = await take(streamOf(archive.subarray(1000)), { from: 1000 })
  expect(rest.measure?.files).toBe(32)
})

test('who goes on cuts who was thought to be sending still, and not a byte of that comes later', async () => {
  const { take } = await reception()
  const silent = new PassThrough()
  const first = take(silent)
  const cut = expect(first).rejects.toThrow(TakenOver)
  silent.write(archive.subarray(0, 20_000))
  await until(() => silent.readableLength === 0)
  silent.write(archive.subarray(20_000, 30_000))
  const { bytes: from } = await askedOf(take)
  await cut
  expect(silent.destroyed).toBe(true)
  expect([20_000, 30_000]).toContain(from)
  const rest = await take(streamOf(archive.subarray(from)), { from })
  expect(rest.md5).toBe(md5(archive))
})

test('the end of an archive may be asked for again, and nothing can be put behind it', async () => {
  const { take, receptions } = await reception()
  const whole = await take(streamOf(archive))
  expect(receptions.areAwaited).toBe(false)
  expect(await take(streamOf(), { from: archive.length })).toEqual(whole)
  const more = take(streamOf(archive), { from: archive.length })
  await expect(more).rejects.toThrow(NotKept)
})

test('what is wrong with an archive is told, and there is nothing to go on with', async () => {
  const { take, dir, receptions } = await reception()
  await take(streamOf(archive.subarray(0, 1000)), { last: false })
  const junk = take(streamOf(Buffer.alloc(100_000, 'junk')), { from: 1000 })
  await expect(junk).rejects.toMatchObject({ name: 'ArchiveError' })
  expect(await readdir(dir)).toEqual([])
  expect(receptions.areAwaited).toBe(false)
  await expect(take(streamOf(archive), { from: 1000 })).rejects.toThrow(NotKept)
})

test('who does not want it to be kept finds nothing when the line broke', async () => {
  const { take, dir, receptions } = await reception()
  const broken = take(breaking(archive.subarray(0, -100)), { keep: 0 })
  await expect(broken).rejects.toThrow('the line broke')
  expect(await readdir(dir)).toEqual([])
  expect(receptions.areAwaited).toBe(false)
})

test('what came is kept for as long as was said, and then it is gone', async () => {
  const { take, dir, receptions } = await reception()
  await expect(take(breaking(archive.subarray(0, -100)), { keep: 0.05 })).rejects.toThrow('broke')
  await until(() => !receptions.areAwaited)
  await until(async () => (await readdir(dir)).length === 0)
  await expect(take(streamOf(), { from: 5 })).rejects.toThrow(NotKept)
})

test('of very many that wait for their rest the oldest is given up', async () => {
  const receptions = new Receptions()
  const parent = await temporaryDir()
  const take = async (index: number, from: number, bytes: Buffer) => {
    const place = join(parent, `${index}`)
    await mkdir(place, { recursive: true })
    const part = { from, last: false, keep: 60 }
    return receptions.take(place, streamOf(bytes), part, (all) => unpack(all, place))
  }
  for (let index = 0; index < 501; index += 1) await take(index, 0, archive.subarray(0, 1))
  await expect(take(0, 1, archive.subarray(1, 2))).rejects.toThrow(NotKept)
  expect(await take(1, 1, archive.subarray(1, 2))).toMatchObject({ bytes: 2 })
  for (let index = 0; index < 501; index += 1) await receptions.drop(join(parent, `${index}`))
})

test('what is dropped is not unpacked any further', async () => {
  const { take, dir, receptions } = await reception()
  const line = new PassThrough()
  const taking = expect(take(line)).rejects.toThrow(NotKept)
  line.write(archive.subarray(0, -100))
  await until(async () => (await readdir(dir)).length > 0)
  await receptions.drop(dir)
  await taking
  expect(await readdir(dir)).toEqual([])
})

test('where another process has unpacked a part nothing goes on', async () => {
  const { take, dir, receptions } = await reception()
  await expect(take(breaking(archive.subarray(0, -100)))).rejects.toThrow('the line broke')
  await until(async () => (await readdir(dir)).length > 0)
  const other = await reception(dir)
  await expect(askedOf(other.take)).rejects.toMatchObject({ code: 'not-empty' })
  await receptions.drop(dir)
})
