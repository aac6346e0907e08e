import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setImmediate as soon } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { expect } from 'vitest'
import { measure } from '#shared/archive/measure.ts'
import { unpack } from '#shared/archive/unpack.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { refusal } from '#tests/support/api.ts'
import { makeData } from '#tests/support/makers.ts'
import { begin, md5, send, test, type Front } from '#tests/support/over-socket.ts'
import { makeRun } from '#tests/support/runs.ts'
import { counted } from '#tests/support/scrape.ts'
import { until } from '#tests/support/until.ts'
import { call } from '#tests/support/world.ts'
import pull from './function.ts'

/** A data with these files, as an upload would have left them. */
async function stored(front: Front, files: Record<string, string | Buffer>): Promise<string> {
  const knitId = await makeData(front.world)
  await fill(front, knitId, files)
  await stamp(front, knitId)
  return knitId
}

/** What is there by now is what was stored. */
async function stamp({ world, volumes }: Front, knitId: string): Promise<void> {
  const { digest } = await measure(volumes.place(volumeOf(knitId)))
  await world.sql`update data set digest = ${digest} where id = ${knitId}`
}

async function fill(front: Front, knitId: string, files: Record<string, string | Buffer>) {
  const folder = front.volumes.place(volumeOf(knitId))
  await mkdir(folder, { recursive: true })
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(folder, name, '..'), { recursive: true })
    await writeFile(join(folder, name), content)
  }
  return folder
}

/** What a volume sends, for one request. */
async function sending<T>(front: Front, body: Readable, work: () => Promise<T>): Promise<T> {
  const { transfers } = front.world
  front.world.transfers = { ...front.volumes, send: async () => body } as never
  return work().finally(() => (front.world.transfers = transfers))
}

/** The answer to a request whose body is still to be read. */
async function head(request: ReturnType<typeof begin>): Promise<IncomingMessage> {
  request.end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return response
}

test('data come as an archive of what was kept, closed by the MD5 of the bytes that were sent', async ({
  front,
}) => {
  const knitId = await stored(front, {
    'b/c.txt': 'c',
    'a.txt': 'a',
    'b/a.txt': '',
    '日本 語': 'x',
  })
  const folder = front.volumes.place(volumeOf(knitId))
  await mkdir(join(folder, 'empty'))
  await symlink('a.txt', join(folder, 'link'))
  await chmod(join(folder, 'a.txt'), 0o755)
  await stamp(front, knitId)
  const reply = await send(front, { path: `/api/data/${knitId}` })
  expect(reply.status).toBe(200)
  expect(reply.headers).toMatchObject({
    'content-type': 'application/tar+gzip',
    trailer: 'x-checksum-md5',
    'transfer-encoding': 'chunked',
  })
  expect(reply.trailers).toEqual({ 'x-checksum-md5': md5(reply.body) })

  const back = join(front.volumes.folder, `back-${knitId}`)
  await mkdir(back)
  await unpack(Readable.from([reply.body]), back)
  expect(await measure(back)).toEqual(await measure(folder))
  expect(await readFile(join(back, 'b/c.txt'), 'utf8')).toBe('c')
  expect(await readlink(join(back, 'link'))).toBe('a.txt')
  expect((await stat(join(back, 'a.txt'))).mode & 0o111).not.toBe(0)
  expect((await stat(join(back, 'empty'))).isDirectory()).toBe(true)
})

test('entries are in the order of their names, relative, and without ./', async ({ front }) => {
  const knitId = await stored(front, { 'z/1': '', 'a/2': '', 'a/10': '', m: '' })
  const { body } = await send(front, { path: `/api/data/${knitId}/` })
  const tar = gunzipSync(body)
  const names = Array.from({ length: 4 }, (_, index) =>
    tar
      .subarray(index * 512, index * 512 + 100)
      .toString()
      .replaceAll('\0', ''),
  )
  expect(names).toEqual(['a/10', 'a/2', 'm', 'z/1'])
})

test('the same data are the same bytes each time', async ({ front }) => {
  const knitId = await stored(front, { a: randomBytes(300_000), b: 'b' })
  const [first, second] = await Promise.all([
    send(front, { path: `/api/data/${knitId}` }),
    send(front, { path: `/api/data/${knitId}` }),
  ])
  expect(md5(first.body)).toBe(md5(second.body))
  expect(first.trailers).toEqual(second.trailers)
})

test('empty data are an archive without entries', async ({ front }) => {
  const knitId = await stored(front, {})
  const { body, trailers } = await send(front, { path: `/api/data/${knitId}` })
  expect(gunzipSync(body).every((byte) => byte === 0)).toBe(true)
  expect(trailers['x-checksum-md5']).toBe(md5(body))
})

test('data of a run of any status can be downloaded', async ({ front }) => {
  for (const status of ['running', 'failed', 'done'] as const) {
    const { outputs } = await makeRun(front.world, { status })
    await fill(front, outputs[0] ?? '', { part: status })
    const { status: code, body } = await send(front, { path: `/api/data/${outputs[0]}` })
    expect(code).toBe(200)
    expect(gunzipSync(body).includes(status)).toBe(true)
  }
})

test('without a socket the bytes are the same', async ({ front }) => {
  const knitId = await stored(front, { a: 'a' })
  const response = await call(pull, front.world, `/api/data/${knitId}`, { role: 'viewer' })
  expect(response.headers.get('content-type')).toBe('application/tar+gzip')
  const { body } = await send(front, { path: `/api/data/${knitId}` })
  expect(md5(Buffer.from(await response.arrayBuffer()))).toBe(md5(body))
})

test.for([randomUUID(), 'nonsense', '%00', randomUUID().toUpperCase()])(
  'the id %s is 404',
  async (id, { front }) => {
    const { message } = JSON.parse((await send(front, { path: `/api/data/${id}` })).text) as {
      message: string
    }
    expect(message).toMatch(/^not found\n/)
    await refusal(pull, front.world, `/api/data/${id}`, 'data-not-found')
  },
)

test('a stream that fails cuts the connection: no trailer, and nothing appended', async ({
  front,
}) => {
  const knitId = await makeData(front.world)
  const sent = randomBytes(200_000)
  const failing = Readable.from(
    (async function* () {
      yield sent.subarray(0, 100_000)
      yield sent.subarray(100_000)
      // What comes last waits for what comes behind it.
      yield randomBytes(1)
      await until(() => arrived.length >= sent.length)
      throw new Error('the disk is gone')
    })(),
  )
  let arrived = Buffer.alloc(0)
  await sending(front, failing, async () => {
    const response = await head(begin(front, { path: `/api/data/${knitId}` }))
    expect(response.statusCode).toBe(200)
    response.on('data', (chunk: Buffer) => (arrived = Buffer.concat([arrived, chunk])))
    const [error] = (await once(response, 'error')) as [NodeJS.ErrnoException]
    expect(error.code).toBe('ECONNRESET')
    expect(response.complete).toBe(false)
    expect(response.trailers).toEqual({})
    expect(md5(arrived)).toBe(md5(sent))
  })
  expect(front.world.lines.some((line) => line.includes('the disk is gone'))).toBe(true)
})

const endlessly = () =>
  Readable.from(
    (async function* () {
      for (;;) yield Buffer.alloc(65_536)
    })(),
  )

test('when the reader goes away, reading ends', async ({ front }) => {
  const knitId = await makeData(front.world)
  const endless = endlessly()
  await sending(front, endless, async () => {
    const request = begin(front, { path: `/api/data/${knitId}` })
    await once(await head(request), 'readable')
    request.destroy()
    await until(() => endless.destroyed)
  })
})

test('who does not read is not read ahead for', async ({ front }) => {
  const knitId = await makeData(front.world)
  let made = 0
  const endless = Readable.from(
    (async function* () {
      for (;;) {
        made += 65_536
        yield Buffer.alloc(65_536)
      }
    })(),
  )
  const isStill = async (): Promise<boolean> => {
    const before = made
    for (let turns = 0; turns < 100; turns += 1) await soon()
    return made > 0 && made === before
  }
  await sending(front, endless, async () => {
    const request = begin(front, { path: `/api/data/${knitId}` })
    await head(request)
    await until(isStill)
    request.destroy()
    await until(() => endless.destroyed)
  })
  expect(made).toBeLessThan(64 * 1024 * 1024)
})

test('a reader who takes nothing is cut off, and gives back the lease', async ({ front }) => {
  const knitId = await stored(front, {})
  const body = endlessly()
  await withLease(front, 0.2, () =>
    sending(front, body, async () => {
      const response = await head(begin(front, { path: `/api/data/${knitId}` }))
      await until(() => body.destroyed)
      await until(async () => (await leases(front, knitId)) === 0)
      await expect(response.toArray()).rejects.toThrow('aborted')
    }),
  )
  expect(front.world.lines.some((line) => line.includes('took nothing for 0.2 seconds'))).toBe(true)
})

async function withLease<T>(front: Front, uploadLease: number, work: () => Promise<T>): Promise<T> {
  const { config } = front.world
  front.world.config = { ...config, uploadLease }
  return work().finally(() => (front.world.config = config))
}

const leases = async ({ world: { sql } }: Front, knitId: string): Promise<number> =>
  (await sql`select from agent where knit_id = ${knitId} and lease_until > now()`).length

test('data that is being downloaded is leased, for as long as that takes', async ({ front }) => {
  const knitId = await stored(front, {})
  const lease = async () => {
    const [agent] = await front.world.sql<{ until: Date }[]>`
      select lease_until as until from agent where knit_id = ${knitId}`
    return agent?.until.getTime() ?? 0
  }
  const slow = Readable.from(
    (async function* () {
      yield randomBytes(10)
      const first = await lease()
      await until(async () => (await lease()) > first + 400)
      yield randomBytes(10)
    })(),
  )
  const received = await withLease(front, 0.2, () =>
    sending(front, slow, async () => {
      const response = await head(begin(front, { path: `/api/data/${knitId}` }))
      return Buffer.concat(await response.toArray())
    }),
  )
  expect(received).toHaveLength(20)
  await until(async () => (await leases(front, knitId)) === 0)
})

test('the lease is given back when the reader goes away, and when there is nothing to read', async ({
  front,
}) => {
  const knitId = await stored(front, {})
  // Before the first byte goes, and after it.
  for (const pieces of [0, 2]) {
    let left = pieces
    const body = new Readable({
      highWaterMark: 1,
      read() {
        if ((left -= 1) >= 0) this.push(randomBytes(65_536))
      },
    })
    await sending(front, body, async () => {
      const request = begin(front, { path: `/api/data/${knitId}` })
      request.end()
      if (pieces > 0) await once(request, 'response')
      await until(async () => (await leases(front, knitId)) === 1)
      request.destroy()
      await until(async () => (await leases(front, knitId)) === 0)
    })
  }
  const empty = await makeData(front.world)
  expect((await send(front, { path: `/api/data/${empty}` })).status).toBe(404)
  await until(async () => (await leases(front, empty)) === 0)
})

test('a volume that cannot be read is a 500 that says nothing of its inside', async ({ front }) => {
  const knitId = await makeData(front.world)
  const { transfers } = front.world
  front.world.transfers = {
    ...front.volumes,
    send: async () => {
      throw new Error(`no volume at ${front.volumes.folder}`)
    },
  } as never
  const reply = await send(front, { path: `/api/data/${knitId}` }).finally(
    () => (front.world.transfers = transfers),
  )
  expect(reply.status).toBe(500)
  expect(reply.headers['content-type']).toBe('application/json')
  expect(reply.text).toMatch(/^\{"message":"unexpected error\\n/)
  expect(reply.text).not.toContain(front.volumes.folder)
})

test('data to which nothing was ever written is not found, and the answer says why', async ({
  front,
}) => {
  const knitId = await makeData(front.world)
  const reply = await send(front, { path: `/api/data/${knitId}` })
  expect(reply.status).toBe(404)
  expect(reply.text).toContain('Nothing was written to this data before its run ended')
})

test('the bytes that go are counted', async ({ front }) => {
  const sent = async () => (await counted(front.world, 'knit_sent_bytes_total'))['data.pull'] ?? 0
  const knitId = await stored(front, { a: randomBytes(1 << 20) })
  const before = await sent()
  const { body } = await send(front, { path: `/api/data/${knitId}` })
  expect(await sent()).toBe(before + body.length)
})
