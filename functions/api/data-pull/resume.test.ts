import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { zstdDecompressSync } from 'node:zlib'
import { expect } from 'vitest'
import { measure } from '#shared/archive/measure.ts'
import { unpack } from '#shared/archive/unpack.ts'
import { connectApi } from '#shared/client/connect.ts'
import type { DataDetail } from '#shared/domain/data.ts'
import { archiveTypes, type Coding } from '#shared/domain/archive-type.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { entry, tgz } from '#shared/archive/test-archives.ts'
import { breakingLine, type Break } from '#tests/support/breaking-line.ts'
import { makeRun } from '#tests/support/runs.ts'
import { until } from '#tests/support/until.ts'
import { md5, send, test, type Front } from '#tests/support/over-socket.ts'

const many = Array.from({ length: 300 }, (_, index) =>
  entry({ name: `many/${String(index).padStart(3, '0')}` }, `${index} `.repeat(index)),
)
const large = 1 << 20

/** Data with a file that does not compress and many that do. */
async function pushed(front: Front): Promise<string> {
  const body = tgz(entry({ name: 'large' }, randomBytes(large)), ...many)
  const { text } = await send(front, { method: 'POST', path: '/api/data', body })
  return (JSON.parse(text) as DataDetail).knitId
}

/** An answer to a GET of data with these headers. */
const pull = (front: Front, knitId: string, headers: Record<string, string> = {}) =>
  send(front, { path: `/api/data/${knitId}`, headers })

test.for(['gzip', 'zstd'] as Coding[])(
  'a part of an archive (%s) is what follows so many bytes of it, behind it the checksum of all',
  async (coding, { front }) => {
    const knitId = await pushed(front)
    const accept = archiveTypes[coding]
    const whole = await pull(front, knitId, { accept })
    const { etag = '' } = whole.headers
    expect(whole.status).toBe(200)
    expect(whole.headers).toMatchObject({
      'content-type': accept,
      'accept-ranges': 'bytes',
      vary: 'accept',
    })
    const { length } = whole.body
    for (const from of [1, 65_537, 1_000_003, length - 1, length, length + 5]) {
      const range = `bytes=${from}-${Number.MAX_SAFE_INTEGER}`
      const part = await pull(front, knitId, { accept, range, 'if-range': etag })
      expect(part.status).toBe(206)
      expect(part.headers).toMatchObject({
        etag,
        'content-range': `bytes ${from}-${Number.MAX_SAFE_INTEGER}/*`,
      })
      expect(part.body.equals(whole.body.subarray(from))).toBe(true)
      expect(part.trailers).toEqual({ 'x-checksum-md5': md5(whole.body) })
    }
    const open = await pull(front, knitId, { accept, range: 'bytes=7-' })
    expect(open.status).toBe(206)
    expect(open.body.equals(whole.body.subarray(7))).toBe(true)
  },
)

test('of another archive, and of a range that has an end, all is sent', async ({ front }) => {
  const knitId = await pushed(front)
  const whole = await pull(front, knitId)
  const zstd = await pull(front, knitId, { accept: archiveTypes.zstd })
  expect(zstd.headers['etag']).not.toBe(whole.headers['etag'])
  const wishes: Record<string, string>[] = [
    { range: 'bytes=5-', 'if-range': '"another"' },
    { range: 'bytes=5-', 'if-range': zstd.headers['etag'] ?? '' },
    { range: 'bytes=0-' },
    { range: 'bytes=5-9' },
    { range: 'bytes=-9' },
    { range: 'bytes=5-,9-' },
    { range: 'lines=5-' },
    { range: '' },
  ]
  for (const headers of wishes) {
    const { status, body } = await pull(front, knitId, headers)
    expect([headers, status, md5(body)]).toEqual([headers, 200, md5(whole.body)])
  }
})

test('data that are still written are sent from their first byte', async ({ front }) => {
  const { outputs } = await makeRun(front.world, { status: 'running' })
  const folder = front.volumes.place(volumeOf(outputs[0] ?? ''))
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'part'), 'part')
  const { status, headers } = await pull(front, outputs[0] ?? '', { range: 'bytes=5-' })
  expect(status).toBe(200)
  expect(headers).not.toHaveProperty('etag')
  expect(headers).not.toHaveProperty('accept-ranges')
})

test('who has asked for nothing else gets gzip, and who asks for zstd the same tree', async ({
  front,
}) => {
  const knitId = await pushed(front)
  for (const accept of ['*/*', 'application/json', 'application/tar+gzip', 'gzip, deflate, zstd']) {
    const { headers, body } = await pull(front, knitId, { accept, 'accept-encoding': 'gzip, zstd' })
    expect(headers['content-type']).toBe('application/tar+gzip')
    expect(headers).not.toHaveProperty('content-encoding')
    expect(body.subarray(0, 2).toString('hex')).toBe('1f8b')
  }
  const { body } = await pull(front, knitId, { accept: archiveTypes.zstd })
  expect(zstdDecompressSync(body).length).toBeGreaterThan(large)
  const back = join(front.volumes.folder, `back-${knitId}`)
  await mkdir(back)
  await unpack(Readable.from([body]), back)
  const { digest } = await measure(back)
  expect(digest).toBe((await measure(front.volumes.place(volumeOf(knitId)))).digest)
  // Whoever unpacks it compares them.
  expect((await pull(front, knitId)).headers['knit-content-digest']).toBe(digest)
})

test('a pull over a line that breaks at many places is the bytes of one that did not, and none twice', async ({
  front,
}) => {
  const knitId = await pushed(front)
  const whole = await pull(front, knitId)
  const breaks = [1, 300, 70_000, 500_000, 500_001, whole.body.length - 10]
  await using line = await breakingLine(
    front.root,
    breaks.map((down): Break => ({ down: down + 400 })),
  )
  const resumed: number[] = []
  const api = connectApi({ apiRoot: line.apiRoot, onResumed: (bytes) => resumed.push(bytes) })
  const pulled = await buffer(await api.pull(knitId))
  expect(pulled.equals(whole.body)).toBe(true)
  expect(line.carried.broken).toBe(breaks.length)
  expect(resumed.length).toBeGreaterThan(3)
  // Only heads and chunks are sent besides.
  expect(line.carried.down).toBeLessThan(whole.body.length + 20_000)
})

test('a pull of data that were replaced while the line was broken fails, with what is wrong', async ({
  front,
}) => {
  const knitId = await pushed(front)
  await using line = await breakingLine(front.root, [{ down: 500_000 }])
  const api = connectApi({ apiRoot: line.apiRoot })
  const pulling = buffer(await api.pull(knitId, { zstd: true }))
  const refused = expect(pulling).rejects.toMatchObject({ code: 'data-changed' })
  await until(() => line.carried.broken === 1)
  const place = front.volumes.place(volumeOf(knitId))
  await writeFile(join(place, 'large'), randomBytes(large))
  await refused
})
