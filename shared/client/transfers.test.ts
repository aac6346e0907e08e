import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { connectApi } from './connect.ts'
import { knowsKeys, stubOfTheWire, type StubAnswer } from './stub-of-the-wire.ts'
import { idOf, sampleData, sampleRun } from './wire-samples.ts'
import { withoutPauses } from './without-pauses.ts'

const knitId = idOf('d1')
const detail = sampleData('d1', sampleRun('u1', { outputs: [['/upload', 'd1']] }))
const content = Buffer.alloc(300_000, 'knit')
const md5 = createHash('md5').update(content).digest('hex')

const inPieces = () => Readable.from([content.subarray(0, 7), content.subarray(7)])

test('a push streams the archive with its tags, and its checksum behind it', async () => {
  await using stub = await stubOfTheWire(() => ({ json: detail }))
  const pushed = await connectApi(stub).push(inPieces(), { tags: ['a:b', 'c:d e'] })
  expect(pushed).toEqual(detail)
  const [request] = stub.requests
  expect(request).toMatchObject({
    method: 'POST',
    url: '/api/data?tag=a%3Ab&tag=c%3Ad+e',
    trailers: { 'x-checksum-md5': md5 },
  })
  expect(request?.headers).toMatchObject({
    'content-type': 'application/tar+gzip',
    'transfer-encoding': 'chunked',
    trailer: 'x-checksum-md5',
  })
  expect(request?.body.equals(content)).toBe(true)
})

test('an archive that fails half-way breaks the request off and is the error that is told', async () => {
  await using stub = await stubOfTheWire(() => ({ json: detail }))
  async function* failing() {
    yield content
    throw new Error('the file shrank')
  }
  await expect(connectApi(stub).push(Readable.from(failing()))).rejects.toThrow('the file shrank')
  expect(stub.requests).toEqual([])
})

test('a push is sent again, whole and with its key, when the line broke', async () => {
  const unknown = { status: 404, json: { code: 'upload-not-found', detail: 'no' } }
  const answers: (StubAnswer | 'hang up')[] = ['hang up', unknown, { json: detail }]
  await using stub = await stubOfTheWire(() => answers.shift() ?? 'hang up', knowsKeys)
  expect(await connectApi(stub).push(inPieces)).toEqual(detail)
  const [first, asked, second] = stub.requests
  expect(asked?.headers).toMatchObject({ 'upload-offset': '0', 'upload-complete': '?0' })
  expect(second?.body.equals(content)).toBe(true)
  expect(second?.trailers).toEqual({ 'x-checksum-md5': md5 })
  expect(second?.headers['idempotency-key']).toBe(first?.headers['idempotency-key'])
})

test('a push that a server may have taken is not sent again to one that knows no keys', async () => {
  await using stub = await stubOfTheWire(() => 'hang up')
  await expect(connectApi(stub).push(inPieces)).rejects.toMatchObject({
    name: 'MaybeDone',
    route: 'data.push',
  })
  expect(stub.requests).toHaveLength(1)
})

test('a push is sent again when the line breaks while it is being sent', async () => {
  let cut = true
  const server = createServer((request, response) => {
    if (request.method === 'OPTIONS') return void response.end()
    if (cut) request.socket.destroy()
    else request.resume().on('end', () => response.end(JSON.stringify(detail)))
    cut = false
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const api = connectApi({ apiRoot: `http://127.0.0.1:${port}/api` })
  const large = () => Readable.from(Array.from({ length: 100 }, () => content))
  expect(await api.push(large)).toEqual(detail)
})

test('an archive that can be made only once is sent only once', async () => {
  await using stub = await stubOfTheWire(() => 'hang up')
  await expect(connectApi(stub).push(inPieces())).rejects.toMatchObject({ name: 'MaybeDone' })
  expect(stub.requests).toHaveLength(1)
})

test('a push that is refused tells why', async () => {
  const refusal = { status: 400, json: { message: 'hash is not match.' } }
  await using stub = await stubOfTheWire(() => refusal)
  await expect(connectApi(stub).push(inPieces())).rejects.toMatchObject({
    status: 400,
    message: 'hash is not match.',
  })
})

test('a pull gives the bytes when their checksum is right', async () => {
  await using stub = await stubOfTheWire(() => ({
    body: content,
    trailers: { 'x-checksum-md5': md5 },
  }))
  const pulled = await buffer(await connectApi(stub).pull(knitId))
  expect(pulled.equals(content)).toBe(true)
  expect(stub.requests[0]?.url).toBe(`/api/data/${knitId}`)
})

test.each([
  ['whose checksum is another', { trailers: { 'x-checksum-md5': 'f00' } }, 'checksum'],
  ['without a checksum', {}, 'without its checksum'],
  ['that is cut off again and again', { cut: true }, 'the connection broke'],
])('a pull %s fails at its end', async (_, end, message) => {
  withoutPauses()
  await using stub = await stubOfTheWire(() => ({ body: content, ...end }))
  const stream = await connectApi(stub).pull(knitId)
  await expect(buffer(stream)).rejects.toThrow(message)
})

test('a pull over a line that breaks goes on where it was, and its checksum is that of all', async () => {
  withoutPauses()
  const whole: StubAnswer = { body: content, trailers: { 'x-checksum-md5': md5 } }
  const answers: (StubAnswer | 'hang up')[] = [
    { body: content.subarray(0, 100_000), cut: true },
    { body: content.subarray(0, 50_000), cut: true },
    'hang up',
    { body: content.subarray(0, 200_000), cut: true },
    whole,
  ]
  await using stub = await stubOfTheWire(() => answers.shift() ?? 'hang up')
  const pulled = await buffer(await connectApi(stub).pull(knitId))
  expect(pulled.equals(content)).toBe(true)
  expect(answers).toEqual([])
})

test('a pull is damaged when another archive is sent behind a break', async () => {
  withoutPauses()
  const other = Buffer.alloc(300_000, 'tink')
  const answers: StubAnswer[] = [{ body: content.subarray(0, 100_000), cut: true }, { body: other }]
  await using stub = await stubOfTheWire(() => answers.shift() ?? 'hang up')
  const pulling = buffer(await connectApi(stub).pull(knitId))
  await expect(pulling).rejects.toMatchObject({ name: 'DamagedTransfer' })
})

test('a pull follows where it is led', async () => {
  const whole: StubAnswer = { body: content, trailers: { 'x-checksum-md5': md5 } }
  await using stub = await stubOfTheWire(({ url }) =>
    url.endsWith('?there') ? whole : { status: 307, headers: { location: `${url}?there` } },
  )
  const pulled = await buffer(await connectApi(stub).pull(knitId))
  expect(pulled.equals(content)).toBe(true)
})

test('a pull of unknown data fails before its first byte', async () => {
  await using stub = await stubOfTheWire(() => ({ status: 404, json: { message: 'not found' } }))
  await expect(connectApi(stub).pull(knitId)).rejects.toMatchObject({ status: 404 })
})

test('a log is followed when that is asked for', async () => {
  await using stub = await stubOfTheWire(() => ({ body: 'one\ntwo\n' }))
  const api = connectApi(stub)
  expect(await text(await api.log('r1'))).toBe('one\ntwo\n')
  await text(await api.log('r1', { follow: true }))
  expect(stub.requests.map(({ url }) => url)).toEqual([
    '/api/runs/r1/log',
    '/api/runs/r1/log?follow=',
  ])
})

test('a log that is cut off is an error', async () => {
  await using stub = await stubOfTheWire(() => ({ body: 'one', cut: true }))
  await expect(text(await connectApi(stub).log('r1'))).rejects.toThrow('the connection broke')
})

test('a file goes on where its line broke, also from a server that knows no ranges', async () => {
  withoutPauses()
  const answers: (StubAnswer | 'hang up')[] = [
    { body: content.subarray(0, 100_000), headers: { 'content-length': '300000' }, cut: true },
    'hang up',
    { body: content.subarray(0, 200_000), headers: { 'content-length': '300000' }, cut: true },
    { body: content },
  ]
  await using stub = await stubOfTheWire(() => answers.shift() ?? 'hang up')
  const file = await buffer(await connectApi(stub).file(knitId, 'a b/ü'))
  expect(file.equals(content)).toBe(true)
  expect(stub.requests[0]?.url).toBe(`/api/data/${knitId}/file?path=a+b%2F%C3%BC`)
})

test('a file is damaged when another is sent behind a break', async () => {
  withoutPauses()
  const begun = { body: content.subarray(0, 100_000), headers: { 'content-length': '300000' } }
  const answers: StubAnswer[] = [{ ...begun, cut: true }, { body: Buffer.alloc(300_000, 'tink') }]
  await using stub = await stubOfTheWire(() => answers.shift() ?? 'hang up')
  const reading = buffer(await connectApi(stub).file(knitId, 'a'))
  await expect(reading).rejects.toMatchObject({
    name: 'DamagedTransfer',
    message: expect.stringContaining('another file'),
  })
})
