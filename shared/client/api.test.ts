import { expect, onTestFinished, test, vi } from 'vitest'
import { data } from '#shared/contracts/data.ts'
import { plans } from '#shared/contracts/plans.ts'
import { runs } from '#shared/contracts/runs.ts'
import { apiOver } from './api.ts'
import { connectApi } from './connect.ts'
import { lookups } from './test-lookups.ts'
import { knowsKeys, stubOfTheWire, type StubAnswer } from './stub-of-the-wire.ts'
import { idOf, sampleData, sampleRun } from './wire-samples.ts'
import { withoutPauses } from './without-pauses.ts'

const run = sampleRun('t1', { inputs: [['/in', 'd1']], outputs: [['/out', 'm1']] })
const runId = run.runId

test('a request goes below the API root, with its ids and its query encoded', async () => {
  await using stub = await stubOfTheWire(() => ({ json: [] }))
  const api = connectApi({ apiRoot: `${stub.apiRoot}/` })
  const since = '2025-01-02T03:04:05+09:00'
  await api.call(data.find, { tag: ['knit#id:1', 'a b:c&d'], since })
  await api.call(runs.show, { runId: 'a/b c' }).catch(() => {})
  expect(stub.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
    'GET /api/data?tag=knit%23id%3A1&tag=a+b%3Ac%26d&since=2025-01-02T03%3A04%3A05%2B09%3A00',
    'GET /api/runs/a%2Fb%20c',
  ])
})

test.each(['', '.', '..'])(
  'the id "%s" is refused, as it would ask for something else',
  async (id) => {
    const api = connectApi({ apiRoot: 'http://127.0.0.1:9/api' })
    await expect(api.call(runs.show, { runId: id })).rejects.toThrow('is no id')
  },
)

test('a body is sent as exactly application/json, with the token', async () => {
  await using stub = await stubOfTheWire(() => ({ json: sampleData('d1', run) }))
  const api = connectApi({ apiRoot: stub.apiRoot, token: 'secret' })
  await api.call(data.tag, { knitId: idOf('d1'), body: { add: ['a:b'] } })
  const [request] = stub.requests
  expect(request?.headers).toMatchObject({
    'content-type': 'application/json',
    authorization: 'Bearer secret',
  })
  expect(request?.body.toString()).toBe('{"add":["a:b"]}')
})

test('what the contract does not know is dropped, and keys come in its order', async () => {
  const { status, ...rest } = run
  await using stub = await stubOfTheWire(() => ({ json: { news: 1, ...rest, status } }))
  const answer = await connectApi(stub).call(runs.show, { runId })
  expect(JSON.stringify(answer)).toBe(JSON.stringify(run))
})

test.each<[string, StubAnswer, object]>([
  [
    'a message of several lines',
    { status: 404, json: { message: 'not found\nlook twice\n caused by:x' } },
    { message: 'not found: look twice: caused by:x' },
  ],
  [
    'a structured message',
    { status: 400, json: { message: { reason: 'bad', advice: 'mend it' } } },
    { message: 'bad: mend it' },
  ],
  [
    'problem details',
    { status: 404, json: { code: 'run-not-found', title: 'No such run', detail: 'Nothing.' } },
    { message: 'Nothing.', code: 'run-not-found' },
  ],
  ['plain text', { status: 500, body: 'dial tcp: refused' }, { message: 'dial tcp: refused' }],
  ['nothing', { status: 502 }, { message: 'no reason given' }],
])('an error told as %s is understood', async (_, answer, expected) => {
  await using stub = await stubOfTheWire(() => answer)
  const asked = connectApi(stub).call(runs.show, { runId })
  await expect(asked).rejects.toMatchObject({
    status: answer.status,
    route: 'runs.show',
    ...expected,
  })
})

test('an answer that is not what the contract promises is an error, not a value', async () => {
  await using stub = await stubOfTheWire(() => ({ body: '<html>' }))
  await expect(connectApi(stub).call(plans.find, {})).rejects.toThrow('is this the API of Knitfab?')
})

test('a read is tried again after a broken connection and when the server asks for patience', async () => {
  const answers: (StubAnswer | 'hang up')[] = [
    'hang up',
    { status: 503, headers: { 'retry-after': '0' } },
    { json: run },
  ]
  await using stub = await stubOfTheWire(() => answers.shift() ?? 'hang up')
  await expect(connectApi(stub).call(runs.show, { runId })).resolves.toEqual(run)
})

test('a write is tried again with the same key, and another write has another', async () => {
  const answers: (StubAnswer | 'hang up')[] = [
    'hang up',
    { status: 503, headers: { 'retry-after': '0' } },
    { json: sampleData('d1', run) },
    { json: sampleData('d1', run) },
  ]
  await using stub = await stubOfTheWire(() => answers.shift() ?? 'hang up', knowsKeys)
  const api = connectApi(stub)
  for (let times = 0; times < 2; times += 1)
    await api.call(data.tag, { knitId: idOf('d1'), body: { add: ['a:b'] } })
  const keys = stub.requests.map(({ headers }) => headers['idempotency-key'])
  expect(keys).toEqual([keys[0], keys[0], keys[0], expect.stringMatching(/^[0-9a-f-]{36}$/)])
  expect(keys[3]).not.toBe(keys[0])
})

const retry = (stub: { apiRoot: string }) => connectApi(stub).call(runs.retry, { runId })

test('a server that knows no keys is not asked twice for what it may have done', async () => {
  await using stub = await stubOfTheWire(() => 'hang up')
  await expect(retry(stub)).rejects.toMatchObject({
    name: 'MaybeDone',
    route: 'runs.retry',
    message: expect.stringMatching(/^cannot reach .*; it may have been done, and is not asked/),
  })
  expect(stub.requests).toHaveLength(1)
})

test('an answer that breaks off is none, too', async () => {
  const headers = { 'content-length': '100' }
  await using stub = await stubOfTheWire(() => ({ body: '{', headers, cut: true }))
  await expect(retry(stub)).rejects.toMatchObject({ name: 'MaybeDone' })
  expect(stub.requests).toHaveLength(1)
})

test('a write that no server heard of was not done; one of which no answer comes may have been', async () => {
  withoutPauses()
  const nowhere = retry({ apiRoot: 'http://127.0.0.1:9/api' })
  await expect(nowhere).rejects.toMatchObject({ name: 'ConnectionError', code: 'ECONNREFUSED' })
  await using stub = await stubOfTheWire(() => 'hang up', knowsKeys)
  await expect(retry(stub)).rejects.toMatchObject({
    name: 'MaybeDone',
    message: expect.stringMatching(/; it may have been done$/),
  })
})

test('a write of which no answer comes may have been done, also when its server cannot be looked up any more', async () => {
  withoutPauses()
  await using stub = await stubOfTheWire(() => 'hang up', knowsKeys)
  lookups(['127.0.0.1'], 'lost')
  const lost = retry({ apiRoot: stub.apiRoot.replace('127.0.0.1', 'localhost') })
  await expect(lost).rejects.toMatchObject({
    name: 'MaybeDone',
    message: expect.stringMatching(
      /^cannot reach .*: the name of the host cannot be looked up; it may/,
    ),
  })
})

test('of a host with several addresses it is said why the first cannot be reached', async () => {
  // Nothing that a line leads to.
  lookups(['224.0.0.1', '224.0.0.2'])
  const read = connectApi({ apiRoot: 'http://localhost/api' }).call(runs.show, { runId })
  await expect(read).rejects.toThrow(/^cannot reach http:\/\/localhost: connect \w+ 224\.0\.0\.1/)
})

test('a read has no key', async () => {
  await using stub = await stubOfTheWire(() => ({ json: run }))
  await connectApi(stub).call(runs.show, { runId })
  expect(stub.requests[0]?.headers).not.toHaveProperty('idempotency-key')
})

test('an unavailable server that names no time is not asked again', async () => {
  await using stub = await stubOfTheWire(() => ({ status: 503, json: { message: 'later' } }))
  await expect(connectApi(stub).call(runs.show, { runId })).rejects.toMatchObject({ status: 503 })
  expect(stub.requests).toHaveLength(1)
})

test('an aborted signal ends a call, also between two tries', async () => {
  const interrupt = new AbortController()
  await using stub = await stubOfTheWire(() => {
    interrupt.abort(new Error('stop'))
    return { status: 503, headers: { 'retry-after': '5' } }
  })
  const asked = connectApi(stub).call(runs.show, { runId }, { signal: interrupt.signal })
  await expect(asked).rejects.toThrow()
  expect(stub.requests).toHaveLength(1)
})

test('the fetch of a browser serves as well as that of Node', async () => {
  await using stub = await stubOfTheWire(() => ({ json: run }))
  await expect(apiOver(fetch, stub).call(runs.show, { runId })).resolves.toEqual(run)
})

test('a read follows where it is led, and takes its token nowhere else', async () => {
  await using other = await stubOfTheWire(() => ({ json: run }))
  await using stub = await stubOfTheWire(({ url }) => {
    const location = url.endsWith('/') ? `${other.apiRoot}/runs/${runId}` : `${url}/`
    return { status: 308, headers: { location } }
  })
  const api = connectApi({ apiRoot: stub.apiRoot, token: 'secret' })
  await expect(api.call(runs.show, { runId })).resolves.toEqual(run)
  const asked = [...stub.requests, ...other.requests]
  expect(asked.map(({ headers }) => headers.authorization)).toEqual([
    'Bearer secret',
    'Bearer secret',
    undefined,
  ])
})

test('a read that is led in a circle, and a write that is led anywhere, are refused', async () => {
  await using stub = await stubOfTheWire(({ url }) => ({ status: 302, headers: { location: url } }))
  const api = connectApi(stub)
  await expect(api.call(runs.show, { runId })).rejects.toMatchObject({ status: 302 })
  expect(stub.requests).toHaveLength(6)
  await expect(api.call(runs.retry, { runId })).rejects.toMatchObject({ status: 302 })
  expect(stub.requests).toHaveLength(7)
})

test('a proxy of the environment is asked, but never for this machine', async () => {
  await using stub = await stubOfTheWire(() => ({ json: run }))
  vi.stubEnv('http_proxy', stub.apiRoot.replace('/api', ''))
  onTestFinished(() => void vi.unstubAllEnvs())
  await connectApi(stub).call(runs.show, { runId })
  await connectApi({ apiRoot: 'http://knit.test/api' }).call(runs.show, { runId })
  expect(stub.requests.map(({ url }) => url)).toEqual([
    `/api/runs/${runId}`,
    `http://knit.test/api/runs/${runId}`,
  ])
})
