import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import net, { type AddressInfo, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test, vi } from 'vitest'
import { begin, send } from '#tests/support/over-socket.ts'
import { until } from '#tests/support/until.ts'
import { answerEarly } from './answer-early.ts'
import type { Fetch } from './health.ts'
import { closeServer, httpServer } from './http-server.ts'
import { cutOffIdle, Patience } from './patience.ts'
import { answer, sent } from './web.ts'

/** A server of little patience, and how to open a line to it. */
async function impatient(fetch: Fetch, patience: Partial<Patience> = {}) {
  const told = vi.spyOn(console, 'error').mockReturnValue()
  onTestFinished(() => told.mockRestore())
  const server = httpServer(fetch, { ...Patience.parse({}), ...patience })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => closeServer(server, 0))
  const { port } = server.address() as AddressInfo
  const connect = async (): Promise<Socket> => {
    const socket = net.connect(port, '127.0.0.1')
    // Who is cut off may be told so in the middle of a word.
    socket.on('error', () => {})
    onTestFinished(() => void socket.destroy())
    await once(socket, 'connect')
    return socket
  }
  return { root: new URL(`http://127.0.0.1:${port}`), connect }
}

/** Resolves when a line is cut, which says a piece now and then. */
const cut = (socket: Socket, piece = '') =>
  until(() => {
    if (piece && socket.writable) socket.write(piece)
    return socket.destroyed || socket.readableEnded
  })

test('five hundred lines whose heads do not come to an end are given up, whether they drip or are silent, and others are served meanwhile', async () => {
  const { root, connect } = await impatient(() => answer('served'), { headersTimeout: 1 })
  const lines = await Promise.all(Array.from({ length: 500 }, connect))
  const answers = lines.map((line) => text(line).catch(() => ''))
  for (const [index, line] of lines.entries()) {
    if (index % 2) line.write('GET / HTTP/1.1\r\nhost: h\r\n')
  }
  expect(await send({ root }, { path: '/' })).toMatchObject({ status: 200, text: 'served' })
  await Promise.all(lines.map((line, index) => cut(line, index % 4 === 1 ? 'x' : '')))
  for (const told of await Promise.all(answers))
    expect(told).toMatch(
      /^(HTTP\/1\.1 4(08|31) [^]*\r\n\r\n\{"message":"(request timeout|bad request)\\n|$)/,
    )
  expect(await send({ root }, { path: '/' })).toMatchObject({ status: 200, text: 'served' })
})

const head = 'POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n'
const chunk = (bytes: number) => `${bytes.toString(16)}\r\n${'x'.repeat(bytes)}\r\n`

/** A line with a body that is read as it comes, on a clock that goes on when a test says so. */
async function sending() {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  let read = 0
  const server = await impatient(
    async (_, { incoming }) => {
      for await (const piece of incoming ?? []) read += (piece as Buffer).length
      return answer(String(read))
    },
    { uploadLease: 30, minBodyRate: 100 },
  )
  const line = await server.connect()
  line.write(head)
  const say = async (bytes: number) => {
    const before = read
    line.write(chunk(bytes))
    await until(() => read === before + bytes)
  }
  await say(1)
  return { line, say }
}

test('a body that comes more slowly than the least rate is cut off', async () => {
  const { line, say } = await sending()
  await say(6000)
  vi.advanceTimersByTime(60_000)
  await say(5000)
  expect(line.destroyed).toBe(false)
  vi.advanceTimersByTime(60_000)
  await cut(line)
})

test('one that is slow, and not as slow as that, comes whole', async () => {
  const { line, say } = await sending()
  for (let minutes = 0; minutes < 10; minutes += 1) {
    await say(6000)
    vi.advanceTimersByTime(60_000)
  }
  line.write('0\r\n\r\n')
  const [told] = (await once(line, 'data')) as [Buffer]
  expect(told.toString()).toMatch(/^HTTP\/1\.1 200 [^]*60001$/)
})

test('that we do not read is not laid to who sends', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const asked = Promise.withResolvers<() => void>()
  const { connect } = await impatient(async (_, { incoming }) => {
    incoming?.pause()
    await new Promise<void>((resolve) => asked.resolve(resolve))
    return answer('read at last')
  })
  const line = await connect()
  line.write(head + chunk(1))
  const goOn = await asked.promise
  vi.advanceTimersByTime(600_000)
  goOn()
  const [told] = (await once(line, 'data')) as [Buffer]
  expect(told.toString()).toMatch(/read at last$/)
})

test('whoever goes on sending what was refused has the answer, and is cut off after a while', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const { connect } = await impatient((_, bindings) =>
    answerEarly(answer('no', { status: 401 }), bindings),
  )
  const line = await connect()
  line.write(head + chunk(1))
  const [told] = (await once(line, 'data')) as [Buffer]
  expect(told.toString()).toMatch(/^HTTP\/1\.1 401 [^]*no$/)
  line.write(chunk(1))
  vi.advanceTimersByTime(30_000)
  await cut(line, chunk(1))
})

// More than lies between two ends of a line of this machine.
const large = 'x'.repeat(64 * 1024 * 1024)

test.for([
  ['an answer', () => answer(large)],
  [
    'a stream',
    () => new Response(new Blob([large]).stream() as ReadableStream<Uint8Array<ArrayBuffer>>),
  ],
] as const)('a reader who takes nothing of %s is cut off', async ([, made]) => {
  let isCut = false
  const server = await impatient(
    (_, { outgoing }) => {
      outgoing?.once('close', () => (isCut = !outgoing.writableFinished))
      return made()
    },
    { uploadLease: 0.2 },
  )
  const line = await server.connect()
  line.pause().write('GET / HTTP/1.1\r\nhost: h\r\n\r\n')
  await until(() => isCut)
})

// More than two ends of a line hold of what was not taken, so that to take as much makes it go on.
const much = 16 * 1024 * 1024

/** A line on which an answer waits, on a clock that goes on when a test says so. */
async function taking(minBodyRate: number) {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  let isCut = false
  const server = await impatient(
    (_, { outgoing }) => {
      outgoing?.once('close', () => (isCut = !outgoing.writableFinished))
      return answer(large)
    },
    { uploadLease: 30, minBodyRate },
  )
  const line = await server.connect()
  line.pause().write('GET / HTTP/1.1\r\nhost: h\r\n\r\n')
  const take = async () => {
    for (let taken = 0; taken < much;) {
      const piece = line.read() as Buffer | null
      taken += piece?.length ?? 0
      if (!piece) await once(line, 'readable')
    }
    vi.advanceTimersByTime(60_000)
  }
  return { line, take, isCut: () => isCut }
}

test('a reader who takes an answer more slowly than the least rate is cut off', async () => {
  const { take, isCut } = await taking(1_000_000)
  await take()
  await take()
  await until(isCut)
})

test('one who is slow, and not as slow as that, has all of it', async () => {
  const { line, take, isCut } = await taking(100)
  for (let minutes = 0; minutes < 3; minutes += 1) await take()
  let rest = 0
  for await (const piece of line) {
    rest += (piece as Buffer).length
    if (3 * much + rest > large.length) break
  }
  expect(isCut()).toBe(false)
})

test('a reader to whom we have nothing to say is not cut off', async () => {
  const isIdle = Promise.withResolvers<void>()
  const server = await impatient((_, { outgoing }) => {
    outgoing?.writeHead(200).write('first')
    cutOffIdle(outgoing as ServerResponse, 0.01)
    outgoing?.once('timeout', () => isIdle.resolve())
    return sent
  })
  const request = begin(server, { path: '/' })
  request.end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  await isIdle.promise
  expect(response.destroyed).toBe(false)
})
