import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { appendFile, chmod, readFile, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { expect } from 'vitest'
import { measure } from '#shared/archive/measure.ts'
import { entry, tgz } from '#shared/archive/test-archives.ts'
import { connectApi } from '#shared/client/connect.ts'
import { archiveTypes, type Coding } from '#shared/domain/archive-type.ts'
import type { DataDetail } from '#shared/domain/data.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { begin, send, test, type Front } from '#tests/support/over-socket.ts'
import { until } from '#tests/support/until.ts'

type Pushed = { knitId: string; stored: string; folder: string; path: string }

/** Data of these entries, and where they are kept. */
async function pushed(front: Front, ...entries: Buffer[]): Promise<Pushed> {
  const { text } = await send(front, { method: 'POST', path: '/api/data', body: tgz(...entries) })
  const { knitId, content } = JSON.parse(text) as DataDetail
  const folder = front.volumes.place(volumeOf(knitId))
  return { knitId, stored: content?.digest ?? '', folder, path: `/api/data/${knitId}` }
}

const small = [entry({ name: 'a' }, 'hello'), entry({ name: 'b' }, 'there')]
// It does not compress, so it is sent in many pieces.
const large = [entry({ name: 'large' }, randomBytes(1 << 21)), ...small]

/** As a disk, or somebody with a right to it, may do. */
async function changeByte(file: string): Promise<void> {
  const bytes = await readFile(file)
  bytes.writeUInt8(bytes.readUInt8(0) ^ 1)
  await writeFile(file, bytes)
}

const changes: [string, (folder: string) => Promise<void>][] = [
  ['a byte is another', (folder) => changeByte(join(folder, 'a'))],
  ['a file is longer', (folder) => appendFile(join(folder, 'b'), '!')],
  ['a file is gone', (folder) => rm(join(folder, 'a'))],
  ['there is one more', (folder) => writeFile(join(folder, 'c'), '')],
  ['one can be executed', (folder) => chmod(join(folder, 'b'), 0o755)],
]

test.for(changes)(
  'data of which %s are refused, with what they were and are',
  async ([, change], { front }) => {
    const { knitId, stored, folder, path } = await pushed(front, ...small)
    await change(folder)
    const { digest: found } = await measure(folder)
    const headers = { accept: 'application/problem+json' }
    const reply = await send(front, { path, headers })
    expect(reply.status).toBe(500)
    expect(JSON.parse(reply.text)).toMatchObject({
      code: 'data-changed',
      detail: `What is kept of the data ${knitId} is not what was stored: its digest is ${found}, not ${stored}.`,
    })
    const said = front.world.lines.map((line) => JSON.parse(line) as object)
    expect(said).toContainEqual(
      expect.objectContaining({
        level: 'error',
        message: expect.stringContaining('restore their volume from a backup'),
        knitId,
        volume: volumeOf(knitId),
        stored,
        found,
      }),
    )
  },
)

test('data that were changed are sent again when they are as they were', async ({ front }) => {
  const { folder, path } = await pushed(front, ...small)
  await changeByte(join(folder, 'a'))
  expect((await send(front, { path })).status).toBe(500)
  await changeByte(join(folder, 'a'))
  const { status, body } = await send(front, { path })
  expect(status).toBe(200)
  expect(gunzipSync(body).includes('hello')).toBe(true)
})

test('of data that turn out to have changed no whole archive goes, and nothing says that one did', async ({
  front,
}) => {
  const { folder, path } = await pushed(front, ...large)
  await changeByte(join(folder, 'b'))
  const request = begin(front, { path })
  request.end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  expect(response.statusCode).toBe(200)
  const pieces: Buffer[] = []
  response.on('data', (piece: Buffer) => pieces.push(piece))
  const [error] = (await once(response, 'error')) as [NodeJS.ErrnoException]
  expect(error.code).toBe('ECONNRESET')
  expect(response.trailers).toEqual({})
  expect(() => gunzipSync(Buffer.concat(pieces))).toThrow('unexpected end of file')
  await until(async () => (await front.world.sql`select from agent`).length === 0)
})

test.for(['gzip', 'zstd'] as Coding[])(
  'who goes on behind all that came of changed data (%s) is told why there is no more',
  async (coding, { front }) => {
    const { folder, path } = await pushed(front, ...large)
    const accept = archiveTypes[coding]
    const { body, headers } = await send(front, { path, headers: { accept } })
    await changeByte(join(folder, 'b'))
    const range = `bytes=${body.length - 1}-`
    const part = { accept, range, 'if-range': headers['etag'] ?? '' }
    const { status, text } = await send(front, { path, headers: part })
    expect([status, text]).toEqual([500, expect.stringContaining('is not what was stored')])
  },
)

test('a client is told of changed data however much of them had come', async ({ front }) => {
  const { knitId, folder } = await pushed(front, ...large)
  await changeByte(join(folder, 'large'))
  const pulling = async () => buffer(await connectApi({ apiRoot: front.door.apiRoot }).pull(knitId))
  await expect(pulling()).rejects.toMatchObject({ status: 500, code: 'data-changed' })
})

test('of an agent that does not tell what it has read all is sent', async ({ front }) => {
  const { folder, path } = await pushed(front, ...small)
  await changeByte(join(folder, 'a'))
  const { transfers } = front.world
  const untold = async (volume: string, coding?: Coding) =>
    Object.assign(await front.volumes.send(volume, coding), { digest: undefined })
  front.world.transfers = { ...front.volumes, send: untold } as never
  const { status } = await send(front, { path }).finally(() => (front.world.transfers = transfers))
  expect(status).toBe(200)
})
