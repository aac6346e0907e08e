import { randomBytes, randomUUID } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { expect } from 'vitest'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { refusal } from '#tests/support/api.ts'
import { makeData } from '#tests/support/makers.ts'
import { send, test, type Front, type Reply } from '#tests/support/over-socket.ts'
import { makeRun } from '#tests/support/runs.ts'
import { counted } from '#tests/support/scrape.ts'
import { until } from '#tests/support/until.ts'
import { call } from '#tests/support/world.ts'
import cat from './function.ts'

const at = (knitId: string, path: string) =>
  `/api/data/${knitId}/file?path=${encodeURIComponent(path)}`

async function fill(front: Front, knitId: string, files: Record<string, string | Buffer>) {
  for (const [path, content] of Object.entries(files)) {
    const location = join(front.volumes.place(volumeOf(knitId)), path)
    await mkdir(dirname(location), { recursive: true })
    await writeFile(location, content)
  }
}

/** A data with these files. */
async function stored(front: Front, files: Record<string, string | Buffer>): Promise<string> {
  const knitId = await makeData(front.world)
  await fill(front, knitId, files)
  return knitId
}

const get = (front: Front, knitId: string, path: string, headers = {}): Promise<Reply> =>
  send(front, { path: at(knitId, path), headers })

const leases = async ({ world: { sql } }: Front, knitId: string): Promise<number> =>
  (await sql`select from agent where knit_id = ${knitId}`).length

test('a file is sent as it is, with its length, and as nothing that a browser would show', async ({
  front,
}) => {
  const content = randomBytes(700_000)
  const knitId = await stored(front, { 'a/page.html': content, empty: '' })
  const reply = await get(front, knitId, '/a/./page.html')
  expect(reply.status).toBe(200)
  expect(reply.body.equals(content)).toBe(true)
  expect(reply.headers).toMatchObject({
    'content-type': 'application/octet-stream',
    'content-length': '700000',
    'content-disposition': "attachment; filename*=UTF-8''page.html",
    'content-security-policy': "default-src 'none'; sandbox",
    'x-content-type-options': 'nosniff',
    'accept-ranges': 'bytes',
    etag: expect.stringMatching(/^"[\w-]+"$/),
  })
  expect(reply.headers).not.toHaveProperty('transfer-encoding')
  const empty = await get(front, knitId, 'empty')
  expect([empty.status, empty.text, empty.headers['content-length']]).toEqual([200, '', '0'])
})

test('a file of any name is sent, and its name is no header of its own', async ({ front }) => {
  const names = [
    '"; filename=x',
    "it's (1)*",
    'a\r\nset-cookie: a=b',
    '日本 語',
    'a%2Fb',
    'a\\b',
    '?#&',
  ]
  const knitId = await stored(front, Object.fromEntries(names.map((name) => [name, name])))
  for (const name of names) {
    const { text, headers } = await get(front, knitId, name)
    expect(text).toBe(name)
    expect(headers).not.toHaveProperty('set-cookie')
    const [, encoded = ''] =
      /^attachment; filename\*=UTF-8''([\w.!~%-]+)$/.exec(headers['content-disposition'] ?? '') ??
      []
    expect(decodeURIComponent(encoded)).toBe(name)
  }
})

test('a part of a file is the bytes that are asked for', async ({ front }) => {
  const knitId = await stored(front, { file: '0123456789', empty: '' })
  const { etag } = (await get(front, knitId, 'file')).headers
  const parts = {
    'bytes=0-': ['0123456789', '0-9'],
    'bytes=3-5': ['345', '3-5'],
    'bytes=7-99': ['789', '7-9'],
    [`bytes=9-${Number.MAX_SAFE_INTEGER}`]: ['9', '9-9'],
    'bytes=-4': ['6789', '6-9'],
    'bytes=-99': ['0123456789', '0-9'],
  }
  for (const [range, [text = '', place]] of Object.entries(parts))
    for (const headers of [{ range }, { range, 'if-range': etag }]) {
      const part = await get(front, knitId, 'file', headers)
      expect([range, part.status, part.text]).toEqual([range, 206, text])
      expect(part.headers).toMatchObject({
        etag,
        'content-range': `bytes ${place}/10`,
        'content-length': `${text.length}`,
      })
    }
  const wholes: Record<string, string>[] = [
    { range: 'bytes=3-5', 'if-range': '"another"' },
    { range: 'bytes=5-3' },
    { range: 'bytes=0-1,3-4' },
    { range: 'lines=3-5' },
  ]
  for (const headers of wholes) {
    const { status, text } = await get(front, knitId, 'file', headers)
    expect([headers, status, text]).toEqual([headers, 200, '0123456789'])
  }
  const last = await get(front, knitId, 'empty', { range: 'bytes=-1' })
  expect([last.status, last.text]).toEqual([200, ''])
})

test('where there are no such bytes it is told how many there are', async ({ front }) => {
  const knitId = await stored(front, { file: '0123456789' })
  for (const range of ['bytes=10-', 'bytes=-0']) {
    await refusal(cat, front.world, at(knitId, 'file'), 'range-not-satisfiable', {
      headers: { range },
    })
    const { status, headers } = await get(front, knitId, 'file', { range })
    expect([status, headers['content-range']]).toEqual([416, 'bytes */10'])
  }
})

test('a file of other data, and another file, has another ETag', async ({ front }) => {
  const knitId = await stored(front, { a: 'same', b: 'same' })
  const other = await stored(front, { a: 'same' })
  await front.world.sql`update data set digest = 'sha256:other' where id = ${other}`
  const of = async (id: string, path: string) => (await get(front, id, path)).headers['etag']
  const etags = [await of(knitId, 'a'), await of(knitId, 'b'), await of(other, 'a')]
  expect(new Set(etags).size).toBe(3)
  expect(await of(knitId, '/a')).toBe(etags[0])
})

test('of data that are still written a file is sent from its first byte', async ({ front }) => {
  const { outputs } = await makeRun(front.world, { status: 'running' })
  await fill(front, outputs[0] ?? '', { part: 'as far as it is' })
  const { status, text, headers } = await get(front, outputs[0] ?? '', 'part', {
    range: 'bytes=3-',
  })
  expect([status, text]).toEqual([200, 'as far as it is'])
  expect(headers).not.toHaveProperty('etag')
  expect(headers).not.toHaveProperty('accept-ranges')
})

test('what is no file, or not there, is refused as that', async ({ front }) => {
  const knitId = await stored(front, { 'd/file': '' })
  const told = await refusal(cat, front.world, at(knitId, 'd'), 'not-a-file')
  expect(told).toBe('"d" is a directory.')
  for (const path of ['none', 'd/none', 'd/file/none'])
    await refusal(cat, front.world, at(knitId, path), 'file-not-found')
  for (const path of ['', '/', '.', '..', 'd/../d/file', 'd\0'])
    await refusal(cat, front.world, at(knitId, path), 'bad-request')
  await refusal(cat, front.world, `/api/data/${knitId}/file`, 'bad-request')
  const empty = await makeData(front.world)
  await refusal(cat, front.world, at(empty, 'a'), 'data-not-found')
})

test.for([randomUUID(), 'nonsense', randomUUID().toUpperCase()])(
  'the id %s is 404',
  async (id, { front }) => {
    await refusal(cat, front.world, at(id, 'a'), 'data-not-found')
  },
)

test('without a socket the bytes are the same', async ({ front }) => {
  const knitId = await stored(front, { a: 'content' })
  const response = await call(cat, front.world, at(knitId, 'a'), { role: 'viewer' })
  expect(response.headers.get('content-length')).toBe('7')
  expect(await response.text()).toBe('content')
})

test('a file that breaks off cuts the connection', async ({ front }) => {
  const knitId = await makeData(front.world)
  const { transfers } = front.world
  const content = Readable.from(
    (function* () {
      yield Buffer.alloc(1000)
      throw new Error('the disk is gone')
    })(),
  )
  const part = { size: 2000, from: 0, bytes: 2000, content }
  front.world.transfers = { readFile: async () => part } as never
  const reading = get(front, knitId, 'a').finally(() => (front.world.transfers = transfers))
  await expect(reading).rejects.toMatchObject({ code: 'ECONNRESET' })
  await until(async () => (await leases(front, knitId)) === 0)
})

test('data of which a file is read are leased until that is closed, and when there is none', async ({
  front,
}) => {
  const knitId = await stored(front, { a: 'a' })
  const { transfers } = front.world
  const content = new Readable({ read() {} })
  const part = { size: 1, from: 0, bytes: 1, content }
  front.world.transfers = { readFile: async () => part } as never
  const response = await call(cat, front.world, at(knitId, 'a'))
  front.world.transfers = transfers
  expect(await leases(front, knitId)).toBe(1)
  content.push('a')
  content.push(null)
  expect(await response.text()).toBe('a')
  await until(async () => (await leases(front, knitId)) === 0)
  expect((await get(front, knitId, 'none')).status).toBe(404)
  await until(async () => (await leases(front, knitId)) === 0)
})

test('the bytes that go are counted', async ({ front }) => {
  const sent = async () => (await counted(front.world, 'knit_sent_bytes_total'))['data.cat'] ?? 0
  const knitId = await stored(front, { a: randomBytes(1 << 20) })
  const before = await sent()
  await get(front, knitId, 'a', { range: 'bytes=1-' })
  expect(await sent()).toBe(before + (1 << 20) - 1)
})
