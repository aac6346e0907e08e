import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { inspect } from 'node:util'
import { Hono } from 'hono'
import { expect, onTestFinished, test, vi } from 'vitest'
import { begin, send } from '#tests/support/over-socket.ts'
import type { Fetch } from './health.ts'
import { closeServer, httpServer } from './http-server.ts'
import type { NodeBindings } from './read-request.ts'
import { answer, sent } from './web.ts'

/** What is told on the console meanwhile, instead of telling it. */
function consoleErrors() {
  const told = vi.spyOn(console, 'error').mockReturnValue()
  onTestFinished(() => told.mockRestore())
  return told
}

async function listening(fetch: Fetch): Promise<{ root: URL }> {
  const server = httpServer(fetch).listen(0, '127.0.0.1')
  onTestFinished(() => closeServer(server, 0))
  await once(server, 'listening')
  return { root: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`) }
}

/** What comes back for bytes that are sent as they are. */
async function answerTo({ root }: { root: URL }, bytes: string): Promise<string> {
  const socket = net.connect(Number(root.port), root.hostname)
  socket.write(bytes)
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
  // Who is cut off while they still send may be told so twice.
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('close', resolve))
  return text
}

/** What comes back for the first line and the host of a request, as they are. */
const raw = (server: { root: URL }, line: string, host: string): Promise<string> =>
  answerTo(server, `${line} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)

test('a function is asked for an address in its normal form', async () => {
  const server = await listening(({ url }) => answer(url))
  const asked = async (target: string, host = 'a.b:81') =>
    (await raw(server, `GET ${target}`, host)).split('\r\n\r\n')[1]
  expect(await asked('/x/../y/%2e/z?q=%20&r=/../')).toBe('http://a.b:81/y/z?q=%20&r=/../')
  expect(await asked('//evil/x')).toBe('http://a.b:81//evil/x')
  expect(await asked('http://other/x?y')).toBe('http://other/x?y')
  expect(await asked('/x', '[::1]:81')).toBe('http://[::1]:81/x')
})

// Most addresses are their own normal form, and are not read for that.
test.for([
  ['/', 'a.b'],
  ['/a/b.c/', 'A.B:80'],
  ['/a/.', 'a.b'],
  ['/.a/..', 'a.b'],
  ['/%2e%2E/x', 'a.b'],
  ['/a..b/c', '0x7f.1'],
  ['/x?', 'a.b'],
  ['/x?q=%2e&r="\'', 'a.b'],
  ['/x?a=b#/../c', 'a.b'],
  ['/^|`', '[::01]'],
] as const)('the normal form of %s at the host %j is that of the web', async ([target, host]) => {
  const server = await listening(({ url }) => answer(url))
  const [, asked] = (await raw(server, `GET ${target}`, host)).split('\r\n\r\n')
  expect(asked).toBe(new URL(`http://${host}${target}`).href)
})

test.for([
  ['GET /a\\b', 'h'],
  ['GET /x', 'a b'],
  ['GET /x', 'h/y'],
  ['GET /x', 'user@h'],
  ['GET /x', 'h:99999'],
  ['OPTIONS *', 'h'],
  ['GET ftp://h/x', 'h'],
] as const)('%s at the host %j is refused', async ([line, host]) => {
  const server = await listening(() => answer('reached'))
  expect(await raw(server, line, host)).toMatch(/^HTTP\/1\.1 400 /)
})

const chunked = 'POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n'

test.for([
  ['what is no HTTP', 'nonsense\r\n\r\n', 400, /^bad request\nWhat .* as HTTP: Invalid method/],
  [
    'a head that is too large',
    `GET /?${'tag=a:b&'.repeat(3000)} HTTP/1.1\r\nhost: h\r\n\r\n`,
    431,
    /^bad request\nThe address and the headers .* 16384 bytes/,
  ],
  ['who names no host', 'GET / HTTP/1.1\r\n\r\n', 400, /^bad request\n.* no header Host/],
  ['a path that is none', 'GET /a\\b HTTP/1.1\r\nhost: h\r\n\r\n', 400, /make no address/],
  ['a host that is none', 'GET / HTTP/1.1\r\nhost: a b\r\n\r\n', 400, /make no address/],
  ['a long extension', `${chunked}1;${'x'.repeat(30_000)}\r\n`, 413, /^bad request\nThe ext/],
  ['CONNECT', 'CONNECT a.b:80 HTTP/1.1\r\nhost: a.b\r\n\r\n', 405, /^Method Not Allowed$/],
] as const)(
  '%s is refused where no function answers, in the form of every error, and the line is cut',
  async ([, bytes, status, message]) => {
    const server = await listening(() => Promise.withResolvers<Response>().promise)
    const [head = '', body = ''] = (await answerTo(server, bytes)).split('\r\n\r\n')
    expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [A-Z]`))
    for (const field of [
      'content-type: application/json',
      'x-content-type-options: nosniff',
      'connection: close',
      `content-length: ${Buffer.byteLength(body)}`,
    ])
      expect(head.toLowerCase().split('\r\n')).toContain(field)
    expect(head).toMatch(/^x-request-id: [\w-]{36}$/m)
    expect(body).toMatch(/\}\n$/)
    expect(JSON.parse(body)).toEqual({ message: expect.stringMatching(message) })
  },
)

test('who accepts problem details is refused in them, where the head could be read', async () => {
  const server = await listening(() => answer('reached'))
  const accept = 'accept: application/problem+json\r\n\r\n'
  const told = await answerTo(server, `GET / HTTP/1.1\r\n${accept}`)
  expect(told).toMatch(/\r\ncontent-type: application\/problem\+json\r\n/i)
  expect(JSON.parse(told.split('\r\n\r\n')[1] ?? '')).toMatchObject({ code: 'bad-request' })
})

test('what cannot be read behind a request is not told of in the middle of its answer', async () => {
  const server = await listening((_, { outgoing }) => {
    outgoing?.writeHead(200).write('half')
    return sent
  })
  const told = await answerTo(server, 'GET / HTTP/1.1\r\nhost: h\r\n\r\nnonsense\r\n\r\n')
  expect(told.match(/HTTP\/1\.1 \d+/g) ?? []).not.toContain('HTTP/1.1 400')
})

test('before HTTP/1.1 nobody has to name a host', async () => {
  const server = await listening(({ url }) => answer(url))
  const told = await answerTo(server, 'GET /x HTTP/1.0\r\n\r\n')
  expect(told.split('\r\n\r\n')[1]).toBe('http://localhost/x')
})

test('an expectation that nobody knows is passed over, and not answered by Node', async () => {
  const server = await listening(() => answer('served'))
  const reply = await send(server, { path: '/', headers: { expect: 'the unexpected' } })
  expect(reply).toMatchObject({ status: 200, text: 'served' })
})

test('headers are found in any case, and null when they are absent', async () => {
  const server = await listening(({ headers }) =>
    answer(JSON.stringify([headers.get('X-One'), headers.get('x-two'), headers.has('X-TWO')])),
  )
  const { text } = await send(server, { path: '/', headers: { 'x-ONE': ['a', 'b'] } })
  expect(JSON.parse(text)).toEqual(['a, b', null, false])
})

test('HEAD is answered as GET is, without the content, also where an answer is written by hand', async () => {
  const told = consoleErrors()
  const app = new Hono<{ Bindings: NodeBindings }>()
    .get('/whole', () => answer('whole', { headers: { 'x-own': 'kept' } }))
    .get('/by-hand', (c) => {
      c.env.outgoing?.writeHead(200, { 'x-own': 'kept' }).end('by hand')
      return sent
    })
  const server = await listening(app.fetch)
  for (const path of ['/whole', '/by-hand'])
    for (const [method, text] of [
      ['GET', path.slice(1).replace('-', ' ')],
      ['HEAD', ''],
    ] as const) {
      const reply = await send(server, { method, path })
      expect({ path, method, ...reply }).toMatchObject({ status: 200, text })
      expect(reply.headers).toMatchObject({ 'x-own': 'kept' })
    }
  expect(told).not.toHaveBeenCalled()
})

test('any Response of the web is sent, with its stream', async () => {
  const stream = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode('a stream'))
      controller.close()
    },
  })
  const server = await listening(({ url }) =>
    url.endsWith('/stream') ? new Response(stream) : new Response(null, { status: 204 }),
  )
  expect(await send(server, { path: '/stream' })).toMatchObject({ status: 200, text: 'a stream' })
  expect(await send(server, { path: '/' })).toMatchObject({ status: 204, text: '' })
})

test('a failure nobody has planned is 500 and tells nothing; one in the middle of an answer cuts the line', async () => {
  const told = consoleErrors()
  const server = await listening((request, { outgoing }) => {
    if (request.url.endsWith('/half')) outgoing?.writeHead(200).write('half')
    throw new Error('a secret')
  })
  expect(await send(server, { path: '/' })).toMatchObject({ status: 500, text: '' })
  await expect(send(server, { path: '/half' })).rejects.toThrow()
  expect(told).toHaveBeenCalledTimes(2)
})

test('of such a failure the words are written down, and those of its causes, and nothing else that it carries', async () => {
  const told = consoleErrors()
  const server = await listening(() => {
    const cause = Object.assign(new Error('of this'), { payload: { password: 'a secret' } })
    throw Object.assign(new Error('what failed', { cause }), { headers: ['a secret'] })
  })
  await send(server, { path: '/' })
  const written = told.mock.calls.map((words) => inspect(words, { depth: null })).join('')
  expect(written).toMatch(/what failed[^]*of this/)
  expect(written).not.toContain('a secret')
})

test('the signal of a request tells that the caller has gone, and nothing when it was answered', async () => {
  const signals: AbortSignal[] = []
  const gone = Promise.withResolvers<void>()
  const server = await listening(async ({ url, signal }, { outgoing }) => {
    signals.push(signal)
    if (url.endsWith('/answered')) return answer('ok')
    outgoing?.writeHead(200).write('half')
    signal.addEventListener('abort', () => gone.resolve())
    return sent
  })
  await send(server, { path: '/answered' })
  const request = begin(server, { path: '/left' })
  request.end()
  const [response] = (await once(request, 'response')) as [NodeJS.ReadableStream]
  await once(response, 'data')
  request.destroy()
  await gone.promise
  expect(signals.map(({ aborted }) => aborted)).toEqual([false, true])
})

const long = 600

test('a server that closes answers what it was asked, and waits for no caller who keeps the line', async () => {
  const asked = Promise.withResolvers<void>()
  const whole = Promise.withResolvers<Response>()
  const server = httpServer(() => {
    asked.resolve()
    return whole.promise
  })
  // By itself it would never close a line that is kept.
  server.keepAliveTimeout = 0
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const agent = new http.Agent({ keepAlive: true })
  const request = http.get({ host: '127.0.0.1', port, agent })
  await asked.promise

  const closed = closeServer(server, long)
  whole.resolve(new Response('whole'))
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  expect(await text(response)).toBe('whole')
  await closed
  agent.destroy()
})
