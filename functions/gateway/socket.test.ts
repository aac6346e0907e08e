import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { Agent } from 'node:http'
import net from 'node:net'
import { Readable } from 'node:stream'
import { expect } from 'vitest'
import { routes } from '#shared/contracts/index.ts'
import { identityHeader, signIdentity } from '#shared/runtime/identity.ts'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { send, test, type Front } from '#tests/support/over-socket.ts'
import { signingKey } from '#tests/support/world.ts'
import openapi from './openapi.generated.json' with { type: 'json' }

/** What comes back for bytes sent as they are, once the server closes the connection. */
async function raw({ root }: Front, bytes: string): Promise<string> {
  const socket = net.connect(Number(root.port), root.hostname)
  socket.write(bytes)
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
  // The connection may be reset once it has been answered.
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('close', resolve))
  return text
}

const json = { 'content-type': 'application/json' }

test('a slash at the end makes no difference on any route', async ({ front }) => {
  const knitId = await makeData(front.world)
  const planId = await makePlan(front.world, { inputs: { '/in': ['slash:1'] } })
  for (const { method, path, name, body } of routes) {
    if (['data.push', 'data.pull', 'events.watch'].includes(name)) continue
    const filled = path
      .replace(':planId', planId)
      .replace(/:\w+/, name === 'data.tag' ? knitId : randomUUID())
    const wish = {
      method: method.toUpperCase(),
      // What makes something new makes it once.
      headers: { ...json, 'idempotency-key': randomUUID() },
      // Node does not say how long the body of a DELETE is: it would be taken for a request, and refused.
      ...(['post', 'put'].includes(method) && body && { body: '{}' }),
    }
    const [plain, slash] = [
      await send(front, { ...wish, path: filled }),
      await send(front, { ...wish, path: `${filled}/` }),
    ]
    expect({ name, status: slash.status, text: slash.text }).toEqual({
      name,
      status: plain.status,
      text: plain.text,
    })
  }
})

test('an id that is empty is the planned 404, one with an encoded slash the other', async ({
  front,
}) => {
  for (const path of ['/api/plans//', '/api/runs//', '/api/data//', '/api/runs//log']) {
    const { status, text } = await send(front, { path })
    expect({ status, text }).toEqual({
      status: 404,
      text: expect.stringMatching(/^\{"message":"not found\\n/),
    })
  }
  for (const path of ['/api/plans/a%2Fb', '/api/nothing', '/', '/api/plans/x/y']) {
    const { status, text } = await send(front, { path })
    expect({ status, text }).toEqual({ status: 404, text: '{"message":"Not Found"}\n' })
  }
})

test('HEAD and other methods are 405 on every path, and OPTIONS is 204', async ({ front }) => {
  for (const path of ['/api/data', '/api/plans/x', '/api/openapi.json']) {
    for (const method of ['HEAD', 'PATCH', 'TRACE']) {
      const reply = await send(front, { method, path })
      expect([method, reply.status]).toEqual([method, 405])
      expect(reply.headers.allow).toMatch(/OPTIONS/)
    }
    const options = await send(front, { method: 'OPTIONS', path })
    expect([options.status, options.text]).toEqual([204, ''])
  }
})

test('an identity from outside is worth nothing: the actor is who the gateway says', async ({
  front,
}) => {
  const knitId = await makeData(front.world)
  const headers = {
    ...json,
    [identityHeader]: await signIdentity(
      { name: 'eve', role: 'admin' },
      'plans.activate',
      signingKey,
    ),
  }
  const planId = await makePlan(front.world, { inputs: { '/in': ['who:1'] } })
  expect(
    (await send(front, { method: 'PUT', path: `/api/plans/${planId}/active`, headers })).status,
  ).toBe(200)
  const foreign = await send(front, {
    path: `/api/data/${knitId}`,
    headers: { ...headers, origin: 'http://evil.example' },
  })
  expect(foreign.status).toBe(403)
  const named = await send(front, {
    path: '/api/data',
    headers: { ...headers, host: 'evil.example' },
  })
  expect(named.status).toBe(403)
})

test('a body that is too large is refused to who sends it all before reading', async ({
  front,
}) => {
  const port = Number(front.root.port)
  const megabytes = 70
  const head = 'POST /api/plans HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n'
  const bodies = [
    `content-length: ${megabytes * 1048576}\r\n\r\n`,
    'transfer-encoding: chunked\r\n\r\n',
  ]
  for (const rest of bodies) {
    const socket = net.connect(port, front.root.hostname)
    await once(socket, 'connect')
    const write = (bytes: Buffer | string) =>
      new Promise<void>((resolve, reject) => {
        socket.write(bytes, (error) => (error ? reject(error) : resolve()))
      })
    await write(head + rest)
    const megabyte = Buffer.alloc(1 << 20, ' ')
    for (let sent = 0; sent < megabytes; sent += 1) {
      if (rest.includes('chunked')) await write('100000\r\n')
      await write(megabyte)
      if (rest.includes('chunked')) await write('\r\n')
    }
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 413 /)
    expect(answer.toString()).toContain('maxPlanBytes')
    socket.destroy()
  }
})

test('a connection goes on after every kind of answer', async ({ front }) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const statuses: number[] = []
  const wishes = [
    { path: '/api/data?tag=none:such' },
    { method: 'POST', path: '/api/plans', headers: json, body: '{' },
    { method: 'POST', path: '/api/nothing', body: Readable.from([Buffer.alloc(100_000)]) },
    { method: 'PATCH', path: '/api/data', body: 'x' },
    { method: 'PUT', path: `/api/plans/${randomUUID()}/active`, body: 'x'.repeat(100_000) },
    { path: '/api/runs?plan=x', body: 'not looked at', headers: { 'content-length': 13 } },
    { method: 'OPTIONS', path: '/api/data' },
    { path: '/api/runs?plan=x' },
  ]
  for (const wish of wishes) statuses.push((await send(front, { ...wish, agent })).status)
  agent.destroy()
  expect(statuses).toEqual([200, 400, 404, 405, 404, 200, 204, 200])
})

test('what is no HTTP, or names no host, is refused, and the server goes on', async ({ front }) => {
  const close = 'connection: close\r\n\r\n'
  expect(await raw(front, 'nonsense\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /)
  expect(await raw(front, `GET /api/data HTTP/1.1\r\n${close}`)).toMatch(/^HTTP\/1\.1 400 /)
  expect(await raw(front, `GET /api/data HTTP/1.1\r\nhost: a b\r\n${close}`)).toMatch(
    /^HTTP\/1\.1 4\d\d /,
  )
  expect(await raw(front, `GET /api\\data HTTP/1.1\r\nhost: x\r\n${close}`)).toMatch(
    /^HTTP\/1\.1 4\d\d /,
  )
  const long = `GET /api/data?tag=${'x'.repeat(100_000)} HTTP/1.1\r\nhost: localhost\r\n${close}`
  expect(await raw(front, long)).toMatch(/^HTTP\/1\.1 431 /)
  expect((await send(front, { path: '/api/data?tag=none:such' })).text).toBe('[]\n')
})

test('the description of the API that is served is the one of the contracts', async ({ front }) => {
  for (const path of ['/api/openapi.json', '/api/openapi.json/', '/api/openapi.json?pretty'])
    expect(JSON.parse((await send(front, { path })).text)).toEqual(openapi)
})
