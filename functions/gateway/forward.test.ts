import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import http, { type IncomingMessage, type Server } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { expect } from 'vitest'
import { measure } from '#shared/archive/measure.ts'
import { entry, tgz } from '#shared/archive/test-archives.ts'
import { routes } from '#shared/contracts/index.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { closeServer, httpServer } from '#shared/runtime/http-server.ts'
import { identityHeader } from '#shared/runtime/identity.ts'
import { test as apiTest } from '#tests/support/api.ts'
import { FolderTransfers } from '#tests/support/folder-transfers.ts'
import { makeData } from '#tests/support/makers.ts'
import { begin, md5, send } from '#tests/support/over-socket.ts'
import { until } from '#tests/support/until.ts'
import { createTracer } from '#shared/runtime/tracer.ts'
import { signingKey, type TestWorld } from '#tests/support/world.ts'
import { routeFunctions } from '../functions.generated.ts'
import { forwardOverHttp } from './forward.ts'
import { gateway } from './gateway.ts'

type Hops = { world: TestWorld; volumes: FolderTransfers; root: URL }

async function listen(server: Server): Promise<URL> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
}

const gate = (template: string) =>
  httpServer(
    gateway({
      routes,
      signingKey,
      authenticate: async () => ({ name: 'ann', role: 'user' }),
      stillGood: async () => ({ name: 'ann', role: 'user' }),
      addressOf: () => undefined,
      admit: () => {},
      refused: () => {},
      passedOn: () => {},
      forward: forwardOverHttp({ functionUrl: template, uploadLease: 60 }),
      openapi: {},
      metrics: { time: () => {} },
      tracer: createTracer(),
    }).fetch,
  )

/** The gateway in one server, the functions in another, as in a cluster. The function is told by the path. */
const test = apiTest.extend<{ $file: { hops: Hops } }>({
  hops: [
    async ({ ctx: world }, use) => {
      const volumes = await FolderTransfers.open()
      world.transfers = volumes
      world.cluster.before = volumes.before
      const apps = routeFunctions.map((fn) => fn.app(world))
      const functions = httpServer(async (request, bindings) => {
        const index = routeFunctions.findIndex(({ contract }) => {
          const pattern = contract.path.replace(/:\w+/g, '[^/]*')
          const { pathname } = new URL(request.url)
          return (
            contract.method.toUpperCase() === request.method &&
            new RegExp(`^${pattern}/?$`).test(pathname)
          )
        })
        return (await apps[index]?.fetch(request, bindings)) ?? new Response(null, { status: 500 })
      })
      const front = gate((await listen(functions)).href)
      await use({ world, volumes, root: await listen(front) })
      await closeServer(front, 1)
      await closeServer(functions, 1)
      await volumes.close()
    },
    { scope: 'file' },
  ],
})

/** Before a function that answers as it is told. */
async function before(
  answer: http.RequestListener,
  work: (hops: Pick<Hops, 'root'>) => Promise<void>,
): Promise<void> {
  const server = http.createServer(answer)
  const front = gate((await listen(server)).href)
  try {
    await work({ root: await listen(front) })
  } finally {
    await closeServer(front, 0.001)
    await closeServer(server, 0.001)
  }
}

const archive = tgz(entry({ name: 'a' }, 'hello'), entry({ name: 'b' }, randomBytes(500_000)))

test('an upload and a download pass through whole, with their trailers', async ({ hops }) => {
  const wish = {
    method: 'POST',
    path: '/api/data?tag=a:b%2Bc',
    trailers: { 'x-checksum-md5': md5(archive) },
  }
  const up = await send(hops, {
    ...wish,
    body: Readable.from([archive.subarray(0, 9), archive.subarray(9)]),
  })
  expect(up.status).toBe(200)
  const { knitId, tags } = JSON.parse(up.text) as { knitId: string; tags: string[] }
  expect(tags).toContain('a:b+c')
  const down = await send(hops, { path: `/api/data/${knitId}` })
  expect(down.headers).toMatchObject({
    'content-type': 'application/tar+gzip',
    trailer: 'x-checksum-md5',
  })
  expect(down.trailers).toEqual({ 'x-checksum-md5': md5(down.body) })
})

test('a checksum that is wrong is seen behind the gateway', async ({ hops }) => {
  const trailers = { 'x-checksum-md5': md5(Buffer.from('other')) }
  const reply = await send(hops, {
    method: 'POST',
    path: '/api/data',
    body: Readable.from([archive]),
    trailers,
  })
  expect(reply.status).toBe(400)
  expect(reply.text).toMatch(/hash is not match/)
})

test('JSON, its errors, and requests one after another on one connection pass', async ({
  hops,
}) => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  const knitId = await makeData(hops.world, 'x:1')
  const headers = { 'content-type': 'application/json' }
  const path = `/api/data/${knitId}`
  const put = await send(hops, { method: 'PUT', path, headers, body: '{"add": ["y:1"]}', agent })
  expect(JSON.parse(put.text)).toMatchObject({ knitId })
  const found = await send(hops, { path: '/api/data?tag=y:1', agent })
  expect(JSON.parse(found.text)).toHaveLength(1)
  const refused = await send(hops, {
    method: 'PUT',
    path,
    headers,
    body: '{"add": ["none"]}',
    agent,
  })
  expect(refused.status).toBe(400)
  const absent = await send(hops, { path: '/api/plans//', agent })
  expect([absent.status, absent.text]).toEqual([404, expect.stringContaining('not found')])
  agent.destroy()
})

test('a refused upload is told so to who sends it all before reading', async ({ hops }) => {
  const hostile = gzipSync(entry({ name: '../x' }, randomBytes(1 << 20)), { finishFlush: 2 })
  const junk = randomBytes(1 << 20)
  for (const connection of ['close', 'keep-alive']) {
    const socket = net.connect(Number(hops.root.port), hops.root.hostname)
    await once(socket, 'connect')
    const write = (bytes: Buffer | string) =>
      new Promise<void>((resolve, reject) => {
        socket.write(bytes, (error) => (error ? reject(error) : resolve()))
      })
    const length = hostile.length + 60 * junk.length
    await write(
      `POST /api/data HTTP/1.1\r\nhost: x\r\nconnection: ${connection}\r\ncontent-length: ${length}\r\n\r\n`,
    )
    await write(hostile)
    for (let sent = 0; sent < 60; sent += 1) await write(junk)
    const [head] = (await once(socket, 'data')) as [Buffer]
    expect(head.toString()).toMatch(/^HTTP\/1\.1 400 /)
    socket.destroy()
  }
})

test('of an upload that is cut off before the gateway nothing is left behind it', async ({
  hops,
}) => {
  const runs = async () => {
    const [row] = await hops.world.sql<
      { count: number }[]
    >`select count(*)::integer as count from run`
    return row?.count ?? 0
  }
  const count = await runs()
  const request = begin(hops, { method: 'POST', path: '/api/data' })
  request.write(archive.subarray(0, 100))
  await until(async () => (await runs()) === count + 1)
  request.destroy()
  await until(async () => (await runs()) === count)
})

test('a download that breaks off behind the gateway is cut before it, without a trailer', async ({
  hops,
}) => {
  const knitId = await makeData(hops.world)
  const { transfers } = hops.world
  let arrived = 0
  const failing = Readable.from(
    (async function* () {
      yield randomBytes(100_000)
      // What comes last waits for what comes behind it.
      yield randomBytes(1)
      await until(() => arrived === 100_000)
      throw new Error('gone')
    })(),
  )
  hops.world.transfers = { ...hops.volumes, send: async () => failing } as never
  const request = begin(hops, { path: `/api/data/${knitId}` })
  request.end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  response.on('data', (chunk: Buffer) => (arrived += chunk.length))
  await once(response, 'error').finally(() => (hops.world.transfers = transfers))
  expect(response.trailers).toEqual({})
  expect(arrived).toBe(100_000)
})

test('when the reader goes away, the function behind the gateway stops reading', async ({
  hops,
}) => {
  const knitId = await makeData(hops.world)
  const { transfers } = hops.world
  const endless = Readable.from(
    (async function* () {
      for (;;) yield randomBytes(65_536)
    })(),
  )
  hops.world.transfers = { ...hops.volumes, send: async () => endless } as never
  const request = begin(hops, { path: `/api/data/${knitId}` })
  request.end()
  await once(request, 'response')
  hops.world.transfers = transfers
  request.destroy()
  await until(() => endless.destroyed)
})

test('a file of many chunks arrives as it is', async ({ hops }) => {
  const knitId = await makeData(hops.world)
  const folder = hops.volumes.place(volumeOf(knitId))
  await mkdir(folder)
  await writeFile(join(folder, 'big'), randomBytes(8 << 20))
  const { digest } = await measure(folder)
  await hops.world.sql`update data set digest = ${digest} where id = ${knitId}`
  const { trailers, body } = await send(hops, { path: `/api/data/${knitId}` })
  expect(trailers['x-checksum-md5']).toBe(md5(body))
})

test('a function that is away is a 503 that says when to ask again', async ({ hops }) => {
  const server = http.createServer()
  const closed = await listen(server)
  await closeServer(server, 0)
  const front = gate(closed.href)
  const root = await listen(front)
  for (const wish of [
    { path: '/api/data' },
    { method: 'POST', path: '/api/data', body: Readable.from([randomBytes(3 << 20)]) },
  ]) {
    const reply = await send({ root }, wish)
    expect(reply.status).toBe(503)
    expect(reply.headers['retry-after']).toBe('1')
    expect(reply.text).not.toContain(closed.port)
  }
  await closeServer(front, 1)
  expect(hops).toBeDefined()
})

test('a function that dies before it answers is a 503', async () => {
  await before(
    (request) => request.socket.destroy(),
    async (hops) => expect((await send(hops, { path: '/api/runs' })).status).toBe(503),
  )
})

test('only headers from end to end pass, none that speaks for the gateway, and none that says who asks', async () => {
  let reached: http.IncomingHttpHeaders = {}
  const answer: http.RequestListener = (request, response) => {
    reached = request.headers
    response.setHeader('x-own', 'kept').setHeader('keep-alive', 'timeout=1').end('{}\n')
  }
  await before(answer, async (hops) => {
    const headers = {
      connection: 'keep-alive',
      'keep-alive': 'timeout=1',
      te: 'trailers',
      'x-own': 'kept',
      authorization: 'Bearer of whoever asks',
      cookie: 'session=of whoever asks',
      [identityHeader]: 'forged',
    }
    const reply = await send(hops, { path: '/api/data?a=%20b', headers })
    expect(reply.headers['x-own']).toBe('kept')
    expect(reached).toMatchObject({ 'x-own': 'kept', 'x-request-id': expect.any(String) })
    expect(reached[identityHeader]).toMatch(/^ey/)
    for (const name of ['te', 'authorization', 'cookie']) expect(reached).not.toHaveProperty(name)
  })
})

test('a body where the contract has none cannot become a request of its own', async () => {
  const reached: string[] = []
  const answer: http.RequestListener = (request, response) => {
    reached.push(`${request.method} ${request.url}`)
    response.end('{}\n')
  }
  await before(answer, async (hops) => {
    const smuggled = Buffer.from('GET /evil HTTP/1.1\r\nhost: x\r\n\r\n')
    const path = '/api/plans/x/active'
    const chunked = {
      method: 'DELETE',
      path,
      body: Readable.from([smuggled]),
      headers: { 'transfer-encoding': 'chunked' },
    }
    expect((await send(hops, chunked)).status).toBe(200)
    expect(
      (
        await send(hops, {
          method: 'DELETE',
          path,
          body: smuggled,
          headers: { 'content-length': smuggled.length },
        })
      ).status,
    ).toBe(200)
    expect((await send(hops, { path: '/api/data' })).status).toBe(200)
    expect(reached).toEqual([`DELETE ${path}`, `DELETE ${path}`, 'GET /api/data'])
  })
})
