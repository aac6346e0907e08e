import { once } from 'node:events'
import http, {
  type IncomingHttpHeaders,
  type RequestListener,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo, LookupFunction } from 'node:net'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished } from 'vitest'
import { safeLookup } from '#shared/adapters/safe-lookup.ts'
import { configFrom } from '#shared/runtime/config.ts'
import { closeServer, httpServer } from '#shared/runtime/http-server.ts'
import { identityHeader } from '#shared/runtime/identity.ts'
import { answer } from '#shared/runtime/web.ts'
import { begin, openFront, send, type Front, type Wish } from '#tests/support/over-socket.ts'
import { makeToken } from '#tests/support/tokens.ts'
import { until } from '#tests/support/until.ts'
import { signingKey, test, type TestWorld } from '#tests/support/world.ts'
import { extraApis } from './extra-apis.ts'

type Seen = { method: string; url: string; headers: IncomingHttpHeaders; body: string }

/** A server that is not ours: it keeps what it is asked, and answers `yes` unless told otherwise. */
async function stranger(answer?: RequestListener): Promise<{ url: string; seen: Seen[] }> {
  const seen: Seen[] = []
  const server = http.createServer(async (request, response) => {
    const { method = '', url = '', headers } = request
    if (answer) {
      seen.push({ method, url, headers, body: '' })
      return answer(request, response)
    }
    // Who sends too much is cut off.
    seen.push({ method, url, headers, body: await text(request).catch(() => '') })
    response.setHeader('x-own', 'kept').end('yes')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

/** The gateway with extra APIs. */
async function frontWith(ctx: TestWorld, extraApis: string[], more: object = {}): Promise<Front> {
  ctx.config = { ...ctx.config, extraApis, ...more }
  const front = await openFront(ctx)
  onTestFinished(() => front.close())
  return front
}

test('a path, and all below it, is asked of the server that the admin named, always with a slash at the end', async ({
  ctx,
}) => {
  const { url, seen } = await stranger()
  const front = await frontWith(ctx, [`/foo=${url}/base?gone=1`])
  for (const path of ['/foo', '/foo/', '/foo/x?a=1&b=c%20d', '/foo/x/y/'])
    expect(await send(front, { path })).toMatchObject({ status: 200, text: 'yes' })
  expect(seen.map((one) => one.url)).toEqual([
    '/base/',
    '/base/',
    '/base/x/?a=1&b=c%20d',
    '/base/x/y/',
  ])
  expect((await send(front, { path: '/foobar' })).text).toBe('{"message":"Not Found"}\n')
})

test.for(['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD'])(
  '%s is passed on',
  async (method, { ctx }) => {
    const { url, seen } = await stranger()
    const front = await frontWith(ctx, [`/foo=${url}`])
    const reply = await send(front, { method, path: '/foo' })
    expect(reply.status).toBe(200)
    expect(reply.headers).toMatchObject({ 'x-own': 'kept', 'x-content-type-options': 'nosniff' })
    expect(reply.text).toBe(method === 'HEAD' ? '' : 'yes')
    expect(seen.map((one) => one.method)).toEqual([method])
  },
)

test.for(['TRACE', 'PROPFIND', 'LINK'])('%s is 405, and not passed on', async (method, { ctx }) => {
  const { url, seen } = await stranger()
  const front = await frontWith(ctx, [`/foo=${url}`])
  const { status, headers } = await send(front, { method, path: '/foo' })
  expect({ status, allow: headers.allow }).toEqual({
    status: 405,
    allow: 'DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT',
  })
  expect(seen).toEqual([])
})

test('CONNECT leads nowhere: it is 405, and its line is cut', async ({ ctx }) => {
  const { url, seen } = await stranger()
  const front = await frontWith(ctx, [`/foo=${url}`])
  for (const target of ['/foo', new URL(url).host]) {
    const request = begin(front, { method: 'CONNECT', path: target }).end()
    const [response, socket] = await once(request, 'connect')
    expect(response.statusCode).toBe(405)
    await once(socket.resume(), 'close')
  }
  expect(seen).toEqual([])
})

test('bodies and headers pass, and neither credentials nor what is of one connection', async ({
  ctx,
}) => {
  const { url, seen } = await stranger()
  const front = await frontWith(ctx, [`/foo=${url}`], { token: 'the token of these settings' })
  const headers = {
    authorization: 'Bearer the token of these settings',
    'proxy-authorization': 'Basic c2VjcmV0',
    cookie: 'session=secret',
    [identityHeader]: 'forged',
    connection: 'keep-alive, x-hop',
    'x-hop': 'gone',
    te: 'trailers',
    trailer: 'x-sum',
    'proxy-connection': 'keep-alive',
    forwarded: 'for=hidden',
    'x-forwarded-for': 'hidden',
    'x-forwarded-host': 'hidden.test',
    'x-own': 'kept',
    'content-type': 'text/plain',
  }
  const body = Readable.from([Buffer.from('some '), Buffer.from('body')])
  const reply = await send(front, { method: 'POST', path: '/foo/x', headers, body })
  expect(reply.status).toBe(200)
  const [asked] = seen
  expect(asked?.body).toBe('some body')
  expect(asked?.headers).toMatchObject({ 'x-own': 'kept', 'content-type': 'text/plain' })
  expect(asked?.headers['host']).toBe(new URL(url).host)
  expect(JSON.stringify(asked?.headers)).not.toMatch(
    /secret|forged|token of these|x-hop|"te"|hidden|"trailer"|"proxy-/,
  )
})

test.for(['GET', 'DELETE', 'OPTIONS', 'POST'])(
  'a body of %s cannot become a request of its own',
  async (method, { ctx }) => {
    const { url, seen } = await stranger()
    const front = await frontWith(ctx, [`/foo=${url}`])
    const smuggled = Buffer.from('GET /evil HTTP/1.1\r\nhost: x\r\n\r\n')
    const chunked = { headers: { 'transfer-encoding': 'chunked' }, body: Readable.from([smuggled]) }
    const whole = { headers: { 'content-length': smuggled.length }, body: smuggled }
    for (const wish of [chunked, whole])
      expect((await send(front, { method, path: '/foo', ...wish })).status).toBe(200)
    expect((await send(front, { path: '/foo/after' })).status).toBe(200)
    expect(seen.map((one) => one.url)).toEqual(['/', '/', '/after/'])
    expect(seen.slice(0, 2).map((one) => one.body)).toEqual([String(smuggled), String(smuggled)])
  },
)

test('a redirect is given to the caller, and not followed', async ({ ctx }) => {
  const inner = await stranger()
  const { url } = await stranger((_, response) =>
    response.writeHead(302, { location: `${inner.url}/secret` }).end(),
  )
  const front = await frontWith(ctx, [`/foo=${url}`])
  const reply = await send(front, { path: '/foo' })
  expect([reply.status, reply.headers.location]).toEqual([302, `${inner.url}/secret`])
  expect(inner.seen).toEqual([])
})

test('reading is for viewers, all else for users, and nothing for strangers', async ({ ctx }) => {
  const { url, seen } = await stranger()
  const front = await frontWith(ctx, [`/foo=${url}`], { token: 'the token of these settings' })
  const viewer = await makeToken(ctx, 'eve', { role: 'viewer' })
  const user = await makeToken(ctx, 'ann', { role: 'user' })
  const ask = async (secret: string, method: string) => {
    const headers = { authorization: `Bearer ${secret}` }
    return (await send(front, { method, path: '/foo', headers })).status
  }
  expect(await ask(viewer, 'GET')).toBe(200)
  expect(await ask(user, 'POST')).toBe(200)
  expect(await ask(viewer, 'POST')).toBe(403)
  for (const method of ['GET', 'POST', 'OPTIONS']) expect(await ask('nobody', method)).toBe(401)
  expect(seen.map(({ method }) => method)).toEqual(['GET', 'POST'])
})

test('what others are asked to change is in the audit, by its path and with what became of it, and so is who may not', async ({
  ctx,
}) => {
  const { url } = await stranger((_, response) => void response.writeHead(201).end())
  const apis = [`/foo=${url}`, '/away=http://127.0.0.1:1']
  const front = await frontWith(ctx, apis, { token: 'the token of these settings' })
  const viewer = await makeToken(ctx, 'eve', { role: 'viewer' })
  const user = await makeToken(ctx, 'ann', { role: 'user' })
  const ask = async (secret: string, method: string, path: string) => {
    const headers = { authorization: `Bearer ${secret}` }
    return (await send(front, { method, path, headers })).status
  }
  expect(await ask(user, 'POST', '/foo/x?a=secret')).toBe(201)
  expect(await ask(viewer, 'PUT', '/foo/y')).toBe(403)
  expect(await ask(user, 'DELETE', '/away/z')).toBe(503)
  expect(await ask(user, 'GET', '/foo/x')).toBe(201)
  // Nobody waits for what is recorded beside an answer.
  const rows = await until(async () => {
    const found = await ctx.sql`
      select actor, subjects, status, host(address) as address from audit
       where route = 'extra' order by status`
    return found.length >= 3 && found
  })
  const address = '127.0.0.1'
  expect(rows).toEqual([
    { actor: 'token:ann', subjects: ['/foo/x'], status: 201, address },
    { actor: 'token:eve', subjects: ['/foo/y'], status: 403, address },
    { actor: 'token:ann', subjects: ['/away/z'], status: 503, address },
  ])
})

const json = (wish: Partial<Wish> = {}): Wish => ({ path: '/foo', ...wish })

test('a server that is away is a 503 in the form of every error', async ({ ctx }) => {
  const front = await frontWith(ctx, ['/foo=http://127.0.0.1:1'])
  const reply = await send(front, json())
  expect(reply.status).toBe(503)
  expect(reply.headers['content-type']).toBe('application/json')
  expect(reply.text).not.toContain('127.0.0.1')
})

test('a server that is silent for too long is given up, before its answer and within it', async ({
  ctx,
}) => {
  const silent = await stranger(() => {})
  const halting = await stranger((_, response) => void response.write('half'))
  const settings = { extraApiTimeout: 0.05 }
  const front = await frontWith(ctx, [`/foo=${silent.url}`, `/half=${halting.url}`], settings)
  expect((await send(front, json())).status).toBe(503)
  await expect(send(front, json({ path: '/half' }))).rejects.toThrow()
})

const drip = (say: () => void, response: ServerResponse) => {
  const dripping = setInterval(say, 5)
  response.once('close', () => clearInterval(dripping))
}

test('a server that says a word now and then, and comes to no end, is given up all the same', async ({
  ctx,
}) => {
  const slow = await stranger((_, response) => drip(() => response.writeProcessing(), response))
  const halting = await stranger((_, response) => drip(() => response.write('x'), response))
  const apis = [`/foo=${slow.url}`, `/half=${halting.url}`]
  const front = await frontWith(ctx, apis, { extraApiDeadline: 0.3 })
  expect((await send(front, json())).status).toBe(503)
  await expect(send(front, json({ path: '/half' }))).rejects.toThrow()
})

/** A server that passes on what it is asked, by this lookup of names. */
async function passing(target: string, lookup: LookupFunction) {
  const env = { KNIT_DATABASE_URL: 'postgres://x', KNIT_SIGNING_KEY: signingKey }
  const find = extraApis(configFrom({ ...env, KNIT_EXTRA_APIS: `/foo=${target}` }), lookup)
  const server = httpServer(async (request, bindings) => {
    try {
      const outside = find(request.method, new URL(request.url))
      if (!outside || 'allow' in outside) return answer('nothing')
      return await outside.forward(request, bindings)
    } catch (error) {
      return answer(String((error as Error).cause), { status: 503 })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => closeServer(server, 0))
  return { root: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`) }
}

test('an API whose name leads to the metadata of the machine, now or a moment later, is not asked there', async () => {
  const { url, seen } = await stranger((_, response) =>
    response.setHeader('connection', 'close').end('yes'),
  )
  const found = ['127.0.0.1', '169.254.169.254']
  const lookup = safeLookup((_host, _options, done) =>
    done(null, [{ address: found.shift() ?? '', family: 4 }]),
  )
  const server = await passing(`http://api.test:${new URL(url).port}`, lookup)
  expect(await send(server, json())).toMatchObject({ status: 200, text: 'yes' })
  expect(found).toHaveLength(1)
  expect(await send(server, json())).toMatchObject({
    status: 503,
    text: expect.stringContaining('api.test leads to no address for others'),
  })
  expect(seen).toHaveLength(1)
})

test('too much of a body is refused, too much of an answer is cut', async ({ ctx }) => {
  const { url } = await stranger()
  const wordy = await stranger((_, response) => response.end('x'.repeat(2_000_000)))
  const settings = { maxExtraApiBytes: 1_000_000 }
  const front = await frontWith(ctx, [`/foo=${url}`, `/wordy=${wordy.url}`], settings)
  const body = Readable.from(Array.from({ length: 32 }, () => Buffer.alloc(65_536)))
  const refused = await send(front, json({ method: 'POST', body }))
  expect(refused.status).toBe(413)
  expect(refused.text).toContain('maxExtraApiBytes')
  await expect(send(front, json({ path: '/wordy' }))).rejects.toThrow()
})

test('an answer that breaks off is cut, and nothing is appended to it', async ({ ctx }) => {
  const { url } = await stranger((_, response) => {
    response.writeHead(200, { 'content-length': 100 }).write('half', () => response.destroy())
  })
  const front = await frontWith(ctx, [`/foo=${url}`])
  await expect(send(front, json())).rejects.toThrow()
})

// Whoever asks cannot choose whom.
test.for([
  '/foo//169.254.169.254/latest',
  '/foo/@169.254.169.254/',
  '/foo/http://169.254.169.254/',
  '/foo/%2f%2f169.254.169.254',
  '/foo/%2e%2e%2fadmin',
  '/foo/..%5cadmin',
  '/foo/x%00',
])('%s is asked of nobody but the named server, below its base', async (path, { ctx }) => {
  const { url, seen } = await stranger()
  const front = await frontWith(ctx, [`/foo=${url}/base`])
  await send(front, { path, headers: { host: '169.254.169.254', 'x-forwarded-host': 'evil.test' } })
  for (const one of seen) {
    expect(one.url).toMatch(/^\/base\//)
    expect(one.headers.host).toBe(new URL(url).host)
  }
})

test('paths of our own stay ours, and a setting that is wrong is named', () => {
  const env = { KNIT_DATABASE_URL: 'postgres://x', KNIT_SIGNING_KEY: signingKey }
  for (const wrong of [
    '/api=http://x',
    '/api/data=http://x',
    'x',
    '/a=http://u:p@x',
    '/a=gopher://x',
  ])
    expect(() => configFrom({ ...env, KNIT_EXTRA_APIS: `/fine=http://x ${wrong}` })).toThrow(
      /KNIT_EXTRA_APIS/,
    )
  expect(configFrom({ ...env, KNIT_EXTRA_APIS: '/a=http://x /b/c=https://y/z' }).extraApis).toEqual(
    ['/a=http://x', '/b/c=https://y/z'],
  )
})
