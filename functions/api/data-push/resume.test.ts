import { randomBytes, randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { expect } from 'vitest'
import { zstdCompressSync } from 'node:zlib'
import { END, entry, tgz } from '#shared/archive/test-archives.ts'
import type { DataDetail } from '#shared/domain/data.ts'
import { answer } from '#tests/support/api.ts'
import { FolderTransfers } from '#tests/support/folder-transfers.ts'
import {
  begin,
  md5,
  replyTo,
  send,
  test,
  type Front,
  type Wish,
} from '#tests/support/over-socket.ts'
import { losingCommits } from '#tests/support/lost-commits.ts'
import { counted } from '#tests/support/scrape.ts'
import { until } from '#tests/support/until.ts'
import { tick } from '#tests/support/world.ts'
import cleanUp from '../../steps/clean-up/function.ts'
import dataFind from '../data-find/function.ts'

const entries = [
  entry({ name: 'noise' }, randomBytes(300_000)),
  ...Array.from({ length: 40 }, (_, index) => entry({ name: `text/${index}` }, `${index} `)),
]
const archive = tgz(...entries)

/** Sends a part of an archive for the upload of a key. */
const part = (front: Front, key: string, headers: Record<string, string>, body?: Buffer) =>
  send(front, {
    method: 'POST',
    path: '/api/data?tag=in:parts',
    headers: { 'idempotency-key': key, ...headers },
    ...(body ? { body: Readable.from([body]) } : { body: Buffer.alloc(0) }),
  })

/** How many bytes of an upload have come, as whoever goes on asks. */
const ask = (front: Front, key: string) =>
  part(front, key, { 'upload-offset': '0', 'upload-complete': '?0' })

const offsetOf = async (front: Front, key: string): Promise<number> => {
  const { status, headers } = await ask(front, key)
  const offset = Number(headers['upload-offset'])
  expect(status).toBe(offset === 0 ? 204 : 409)
  expect(headers).toMatchObject({ 'upload-complete': '?0', 'cache-control': 'no-store' })
  expect(headers['x-checksum-md5']).toBe(md5(archive.subarray(0, offset)))
  return offset
}

const rest = (front: Front, key: string, from: number) =>
  part(front, key, { 'upload-offset': `${from}` }, archive.subarray(from))

const detailOf = ({ status, text }: { status: number; text: string }): DataDetail => {
  expect({ status, text }).toMatchObject({ status: 200 })
  return JSON.parse(text) as DataDetail
}

/** What one upload of all of it is. */
const inOnePiece = async (front: Front): Promise<DataDetail> =>
  detailOf(await send(front, { method: 'POST', path: '/api/data?tag=in:parts', body: archive }))

const received = async ({ world }: Front): Promise<number> =>
  (await counted(world, 'knit_received_bytes_total'))['data.push'] ?? 0

/** Sends the begin of an upload, of which all comes. */
async function beginOf(front: Front, key: string, bytes: number): Promise<number> {
  const begin = archive.subarray(0, bytes)
  expect((await part(front, key, { 'upload-complete': '?0' }, begin)).status).toBe(204)
  return bytes
}

/** Sends the begin of an upload over a line that breaks then: what of it has come by then nobody knows. */
async function breakOff(front: Front, key: string, bytes: Buffer, wish: Partial<Wish> = {}) {
  const headers = { 'idempotency-key': key }
  const request = begin(front, { method: 'POST', path: '/api/data?tag=in:parts', headers, ...wish })
  const before = await received(front)
  request.write(bytes)
  await until(async () => (await received(front)) === before + bytes.length)
  request.destroy()
}

test('an upload whose line breaks anywhere goes on there, and is the same data', async ({
  front,
}) => {
  const { content } = await inOnePiece(front)
  const { length } = archive
  for (const at of [1, 2, 10, 60_000, 250_000, length - 9, length - 1, length]) {
    const key = randomUUID()
    await breakOff(front, key, archive.subarray(0, at))
    const from = await offsetOf(front, key)
    expect(from).toBeLessThanOrEqual(at)
    const shown = detailOf(await rest(front, key, from))
    expect(shown.content).toEqual(content)
    expect(shown.tags).toContain('in:parts')
    expect(await front.world.sql`select from agent`).toHaveLength(0)
  }
})

test('an upload may come in parts, each on a line of its own, and be told how far it is', async ({
  front,
}) => {
  const { content } = await inOnePiece(front)
  const key = randomUUID()
  const size = 70_000
  for (let at = 0; at < archive.length; at += size) {
    const end = Math.min(at + size, archive.length)
    const last = end === archive.length
    const headers = {
      ...(at > 0 && { 'upload-offset': `${at}` }),
      'upload-complete': last ? '?1' : '?0',
    }
    const reply = await part(front, key, headers, archive.subarray(at, end))
    if (last) expect(detailOf(reply).content).toEqual(content)
    else {
      expect({ status: reply.status, text: reply.text }).toEqual({ status: 204, text: '' })
      expect(reply.headers['upload-offset']).toBe(`${end}`)
      const found = await answer<DataDetail[]>(
        dataFind,
        front.world,
        '/api/data?tag=in:parts&tag=knit%23transient:processing',
      )
      expect(found).toHaveLength(1)
    }
  }
})

test('who goes on is served though his dead line is still open, and who had that one changes nothing', async ({
  front,
}) => {
  const key = randomUUID()
  const headers = { 'idempotency-key': key }
  const path = '/api/data?tag=in:parts'
  const dead = begin(front, { method: 'POST', path, headers })
  const told = replyTo(dead)
  const before = await received(front)
  dead.write(archive.subarray(0, 100_000))
  // Who asks how much has come takes the line over: nothing more comes by this one.
  await until(async () => (await received(front)) > before)
  expect(await offsetOf(front, key)).toBeGreaterThan(0)
  const { status, text } = await told
  expect([status, text]).toEqual([409, expect.stringContaining('goes on with the upload')])
  const shown = detailOf(await rest(front, key, await offsetOf(front, key)))
  const found = await answer<DataDetail[]>(
    dataFind,
    front.world,
    `/api/data?tag=knit%23id:${shown.knitId}`,
  )
  expect(found[0]?.upstream.run.status).toBe('done')
})

test('the checksum behind the rest is that of the whole, and nothing is left where it differs', async ({
  front,
}) => {
  for (const right of [true, false]) {
    const key = randomUUID()
    const from = await beginOf(front, key, 100_000)
    const { status, text } = await send(front, {
      method: 'POST',
      path: '/api/data?tag=in:parts',
      headers: { 'idempotency-key': key, 'upload-offset': `${from}` },
      body: Readable.from([archive.subarray(from)]),
      trailers: { 'x-checksum-md5': right ? md5(archive) : md5(archive.subarray(1)) },
    })
    expect(status).toBe(right ? 200 : 400)
    if (!right) expect(text).toContain(`have the MD5 ${md5(archive)}, not`)
    if (!right) expect((await ask(front, key)).status).toBe(404)
    expect(await front.world.sql`select from agent`).toHaveLength(0)
  }
})

test('a rest that is not the rest is refused as the archive that it makes, and nothing is left', async ({
  front,
}) => {
  const key = randomUUID()
  const from = await beginOf(front, key, 100_000)
  const other = tgz(entry({ name: 'another' }, randomBytes(200_000)))
  const headers = { 'upload-offset': `${from}` }
  const { status, text } = await part(front, key, headers, other)
  expect([status, text]).toEqual([400, expect.stringMatching(/damaged|behind its end/)])
  expect((await ask(front, key)).status).toBe(404)
})

test('a part elsewhere is refused with where to go on, and may be sent there', async ({
  front,
}) => {
  const key = randomUUID()
  const from = await beginOf(front, key, 100_000)
  for (const wrong of [from - 1, from + 1, archive.length]) {
    const refused = await rest(front, key, wrong)
    expect(refused.status).toBe(409)
    expect(refused.headers['upload-offset']).toBe(`${from}`)
    expect(refused.text).toContain(`${from} bytes have come`)
  }
  detailOf(await rest(front, key, from))
})

test('an upload of which the answer was lost is answered to who asks how far it is', async ({
  front,
}) => {
  const key = randomUUID()
  const first = await part(front, key, {}, archive)
  const shown = detailOf(first)
  expect(detailOf(await ask(front, key))).toEqual(shown)
  expect((await rest(front, key, 100_000)).text).toBe(first.text)
})

test('an upload that could not be registered goes on when all of it has come', async ({
  front,
}) => {
  const { sql } = front.world
  const key = randomUUID()
  const from = await beginOf(front, key, 100_000)
  // The database does not answer just when the upload is whole.
  front.world.sql = new Proxy(sql, {
    get(target, name) {
      if (name === 'begin') return () => Promise.reject(connectionLost())
      return Reflect.get(target, name) as unknown
    },
  })
  const refused = await rest(front, key, from).finally(() => (front.world.sql = sql))
  expect(refused.status).toBe(503)
  expect(await offsetOf(front, key)).toBe(archive.length)
  detailOf(await rest(front, key, archive.length))
})

const connectionLost = () =>
  Object.assign(new Error('write CONNECTION_CLOSED'), { code: 'CONNECTION_CLOSED' })

test('an upload whose commit nobody heard of is answered, not made twice', async ({ front }) => {
  const { sql } = front.world
  const key = randomUUID()
  const from = await beginOf(front, key, 100_000)
  front.world.sql = losingCommits(sql)
  const refused = await rest(front, key, from).finally(() => (front.world.sql = sql))
  expect(refused.status).toBe(503)
  const { knitId } = detailOf(await ask(front, key))
  expect(await sql`select from data where id = ${knitId} and ready`).toHaveLength(1)
})

test('of another key, of another caller and for other tags there is no upload to go on with', async ({
  front,
}) => {
  const key = randomUUID()
  await beginOf(front, key, 100_000)
  const headers = { 'idempotency-key': key, 'upload-offset': '0', 'upload-complete': '?0' }
  const others = await send(front, { method: 'POST', path: '/api/data?tag=x:y', headers, body: '' })
  expect([others.status, (await ask(front, randomUUID())).status]).toEqual([404, 404])
  const { sql } = front.world
  await sql`update agent set caller = 'bob' where key = ${key}`
  expect((await ask(front, key)).status).toBe(404)
  await sql`update agent set caller = 'local' where key = ${key}`
  detailOf(await rest(front, key, await offsetOf(front, key)))
})

test('a part says of which upload it is, and where', async ({ front }) => {
  const key = { 'idempotency-key': randomUUID() }
  const wishes: [Record<string, string>, RegExp][] = [
    [{ 'upload-offset': '0' }, /needs an Idempotency-Key/],
    [{ 'upload-complete': '?0' }, /needs an Idempotency-Key/],
    [{ ...key, 'upload-offset': '-1' }, /Upload-Offset should be/],
    [{ ...key, 'upload-offset': '1e3' }, /Upload-Offset should be/],
    [{ ...key, 'upload-offset': '' }, /Upload-Offset should be/],
    [{ ...key, 'upload-complete': 'no' }, /Upload-Complete should be/],
  ]
  for (const [headers, says] of wishes) {
    const reply = await send(front, { method: 'POST', path: '/api/data', headers, body: archive })
    expect([reply.status, reply.text]).toEqual([400, expect.stringMatching(says)])
  }
})

test('what came before its server was ended is not gone on with, and is taken back', async ({
  front,
}) => {
  const { world, volumes } = front
  const key = randomUUID()
  await beginOf(front, key, 200_000)
  world.transfers = new FolderTransfers(volumes.folder)
  expect((await ask(front, key)).status).toBe(404)
  expect(await world.sql`select from agent`).toHaveLength(0)
  // The same request from its first byte is another upload.
  detailOf(await part(front, key, {}, archive))
  world.transfers = volumes
})

test('an upload that nobody goes on with is taken back when its lease has passed', async ({
  front,
}) => {
  const { world } = front
  const key = randomUUID()
  await beginOf(front, key, 100_000)
  await tick(cleanUp, world)
  await offsetOf(front, key)
  await world.sql`update agent set lease_until = now() - interval '1 second'`
  await tick(cleanUp, world)
  expect((await ask(front, key)).status).toBe(404)
})

test('an archive may be compressed with zstd, and be gone on with as any other', async ({
  front,
}) => {
  const zstd = zstdCompressSync(Buffer.concat([...entries, END]))
  const key = randomUUID()
  await breakOff(front, key, zstd.subarray(0, 100_000), {
    headers: { 'idempotency-key': key, 'content-type': 'application/tar+zstd' },
  })
  const { headers } = await ask(front, key)
  const from = Number(headers['upload-offset'])
  const reply = await part(front, key, { 'upload-offset': `${from}` }, zstd.subarray(from))
  expect(detailOf(reply).content).toEqual((await inOnePiece(front)).content)
})
