import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { expect } from 'vitest'
import { entry, tgz } from '#shared/archive/test-archives.ts'
import { openRoutes, routes } from '#shared/contracts/index.ts'
import { begin, send, type Front, type Wish } from '#tests/support/over-socket.ts'
import { makeRun } from '#tests/support/runs.ts'
import { nobody, test } from './wire.ts'

/** The head of an answer: some answers have no end. */
async function headOf(front: Front, wish: Wish, body?: string) {
  const request = begin(front, wish).end(body)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  response.on('error', () => {})
  request.destroy()
  return { status: response.statusCode, ...response.headers }
}

const guarded = { 'x-content-type-options': 'nosniff' }

test.for([...routes, ...openRoutes].map(({ name }) => name))(
  'whatever %s answers, no browser takes it for something else',
  async (name, { front }) => {
    const { method, path } = [...routes, ...openRoutes].find((route) => route.name === name) ?? {}
    const wish = { method: method?.toUpperCase() ?? '', path: path ?? '' }
    const json = { 'content-type': 'application/json' }
    const sends = (body: string) => (/^(POST|PUT)$/.test(wish.method) ? body : undefined)
    const asked: [Wish, string?][] = [
      [{ ...wish, path: wish.path.replace(/:\w+/g, nobody), headers: json }, sends('{}')],
      [{ ...wish, path: wish.path.replace(/:\w+/g, 'nonsense'), headers: json }, sends('{')],
      [{ ...wish, headers: { ...json, host: 'another.example' } }, sends('{}')],
      [{ ...wish, method: 'OPTIONS' }],
      [{ ...wish, method: 'PATCH' }],
    ]
    for (const [one, body] of asked)
      expect(await headOf(front, one, body), JSON.stringify(one)).toMatchObject(guarded)
  },
)

test('nor a stream that somebody has pushed, or printed, or that never ends', async ({
  front,
  world,
}) => {
  const body = tgz(entry({ name: 'page.html' }, '<script>alert(1)</script>'))
  const pushed = await send(front, { method: 'POST', path: '/api/data', body })
  const { knitId } = JSON.parse(pushed.text) as { knitId: string }
  const { runId } = await makeRun(world, { status: 'done' })
  for (const path of [`/api/data/${knitId}`, `/api/runs/${runId}/log`, '/api/events'])
    expect(await headOf(front, { path }), path).toMatchObject({
      status: 200,
      'transfer-encoding': 'chunked',
      ...guarded,
    })
})

test('nor what no route answers', async ({ front }) => {
  const paths = { '/healthz': 200, '/readyz': 200, '/api/docs': 200, '/none': 404, '/a\\b': 400 }
  for (const [path, status] of Object.entries(paths))
    expect(await headOf(front, { path }), path).toMatchObject({ status, ...guarded })
})
