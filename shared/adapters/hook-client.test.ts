import type { ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import { hookServer } from '#tests/support/hook-server.ts'
import { callHook, HookFailed } from './hook-client.ts'
import { safeLookup } from './safe-lookup.ts'

const asJson = { 'content-type': 'application/json' }

async function asked(answer: (response: ServerResponse) => void, timeout = 30) {
  const { url, calls } = await hookServer((_, response) => answer(response))
  const headers = { 'knit-hook': 'before ready' }
  const call = { url: `${url}/hook`, body: '{"runId":"1"}', headers, timeout, maxBytes: 1000 }
  return { calls, answer: await callHook(call).catch((error: unknown) => error) }
}

test('a hook is posted JSON, and its object is given back', async () => {
  const { calls, answer } = await asked((response) =>
    response.writeHead(200, asJson).end('{"a":1}'),
  )
  expect(calls).toMatchObject([
    { path: '/hook', headers: { ...asJson, 'knit-hook': 'before ready' }, body: { runId: '1' } },
  ])
  expect(answer).toEqual({ a: 1 })
})

test('an answer of another kind is agreement, and is not read', async () => {
  const kinds = ['application/json; charset=utf-8', 'text/plain']
  for (const kind of kinds) {
    const { answer } = await asked((response) => {
      response.writeHead(204, { 'content-type': kind }).end()
    })
    expect(answer).toBeUndefined()
  }
})

test.for<[string, (response: ServerResponse) => void, string]>([
  ['another status', (response) => response.writeHead(500).end(), 'it answered 500'],
  [
    'a redirect, which is not followed',
    (response) => response.writeHead(302, { location: '/again' }).end(),
    'it answered 302',
  ],
  [
    'no JSON where it says so',
    (response) => response.writeHead(200, asJson).end('{'),
    'its answer is labelled application/json and is no JSON',
  ],
  [
    'an empty answer where it says JSON',
    (response) => response.writeHead(200, asJson).end(),
    'its answer is labelled application/json and is no JSON',
  ],
  [
    'JSON that is no object',
    (response) => response.writeHead(200, asJson).end('[1]'),
    'its answer is JSON, but no object',
  ],
  [
    'an answer without end',
    (response) => {
      response.writeHead(200, asJson)
      const more = () => {
        while (response.write('x'.repeat(10_000)));
        response.once('drain', more)
      }
      more()
    },
    'its answer has more than 1000 bytes',
  ],
  ['a broken line', (response) => response.destroy(), 'socket hang up'],
])('%s is a failure that says so', async ([, answer, message]) => {
  const { calls, answer: failure } = await asked(answer)
  expect(failure).toBeInstanceOf(HookFailed)
  expect((failure as Error).message).toBe(message)
  expect(calls).toHaveLength(1)
})

test.for<[string, (response: ServerResponse) => void]>([
  ['is silent', () => {}],
  ['answers a head and no body', (response) => response.writeHead(200, asJson).flushHeaders()],
  [
    'drips',
    (response) => {
      response.writeHead(200, asJson).write('{')
      const drip = setInterval(() => response.write(' '), 20)
      response.once('close', () => clearInterval(drip))
    },
  ],
])('a hook that %s is left when its time is over', async ([, answer]) => {
  const { answer: failure } = await asked(answer, 0.3)
  expect((failure as Error).message).toBe('it did not answer within 0.3 s')
})

test('nobody at the other end is a failure that says where', async () => {
  // A port of this machine that nobody may listen on without being asked.
  const call = { url: 'http://127.0.0.1:2/', body: '{}', headers: {}, timeout: 30, maxBytes: 10 }
  await expect(callHook(call)).rejects.toThrow('connect ECONNREFUSED 127.0.0.1:2')
})

test('a hook whose name leads to the metadata of the machine, now or a moment later, is not called there', async () => {
  const { url, calls } = await hookServer()
  const { port } = new URL(url)
  const found = ['127.0.0.1', '169.254.169.254']
  const lookup = safeLookup((_host, _options, done) =>
    done(null, [{ address: found.shift() ?? '169.254.169.254', family: 4 }]),
  )
  const call = { body: '{}', headers: {}, timeout: 30, maxBytes: 10 }
  await callHook({ ...call, url: `http://hook.test:${port}/` }, lookup)
  expect([found.length, calls.length]).toEqual([1, 1])
  await expect(callHook({ ...call, url: `http://hook.test:${port}/` }, lookup)).rejects.toThrow(
    'hook.test leads to no address for others',
  )
  expect(calls).toHaveLength(1)
})
