import type { ServerResponse } from 'node:http'
import { Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { stubOfTheWire } from '#shared/client/stub-of-the-wire.ts'
import { idOf } from '#shared/client/wire-samples.ts'
import { knit, projectFor, serverThat } from '../../testing.ts'

const at = '2026-01-02T03:04:05.678+00:00'

/** The larger the number, the longer ago. */
const entry = (number: number) => ({
  auditId: idOf(`a${number}`),
  time: new Date(Date.parse(at) - number).toISOString(),
  actor: 'ann',
  route: 'runs.abort',
  subjects: [idOf('r1')],
  status: 200,
  requestId: 'r',
  trace: 't',
})

test('admin audit asks page after page, until there is as much as was asked for', async () => {
  await using stub = await stubOfTheWire(({ url }) => {
    const query = new URL(url, 'http://h').searchParams
    const from = query.has('after') ? 1000 : 0
    const json = Array.from({ length: Number(query.get('limit')) }, (_, i) => entry(from + i))
    return { json }
  })
  const words = ['admin', 'audit', '--actor', 'ann', '--limit', '1200']
  const { stdout } = await knit(words, projectFor(stub))
  expect(JSON.parse(stdout)).toEqual(Array.from({ length: 1200 }, (_, i) => entry(i)))
  expect(stub.requests.map(({ url }) => url)).toEqual([
    '/api/admin/audit?actor=ann&limit=1000',
    `/api/admin/audit?actor=ann&after=${idOf('a999')}&limit=200`,
  ])
})

test('admin audit prints what it finds as it comes', async () => {
  const asked = Promise.withResolvers<ServerResponse>()
  await using server = await serverThat(({ url = '' }, response) => {
    if (url.includes('after=')) asked.resolve(response)
    else response.end(JSON.stringify(Array.from({ length: 1000 }, (_, i) => entry(i))))
  })
  let printed = ''
  const stdout = new Writable({
    write(chunk, _, done) {
      printed += chunk
      done()
    },
  })
  const words = ['admin', 'audit', '--limit', '1001']
  const whole = knit(words, projectFor(server), { stdout })
  const last = await asked.promise
  expect(printed).toContain(idOf('a999'))
  last.end(JSON.stringify([entry(1000)]))
  await whole
  expect(JSON.parse(printed)).toHaveLength(1001)
})

test('admin audit ends with the last page', async () => {
  await using stub = await stubOfTheWire(() => ({ json: [entry(1)] }))
  const { stdout } = await knit(['admin', 'audit', '--output', 'table'], projectFor(stub))
  expect(stdout).toMatch(/ ann +runs\.abort +200 +\S+ +r\n$/)
  expect(stub.requests).toHaveLength(1)
})

test.for(['2h', '7d', '2026-01-31', '2026-01-31T12:34'])(
  'admin audit --since %s is a time',
  async (since) => {
    await using stub = await stubOfTheWire(() => ({ json: [] }))
    await knit(['admin', 'audit', '--since', since], projectFor(stub))
    const asked = new URL(stub.requests[0]?.url ?? '', 'http://h').searchParams.get('since') ?? ''
    const age = Date.now() - Date.parse(asked)
    const expected = { '2h': 2, '7d': 7 * 24 }[since]
    if (expected) expect(Math.round(age / 3_600_000)).toBe(expected)
    else expect(asked).toContain(since)
  },
)

test('admin audit --since anything else is a misuse', async () => {
  await using stub = await stubOfTheWire(() => ({ json: [] }))
  const { code, stderr } = await knit(['admin', 'audit', '--since', 'x'], projectFor(stub))
  expect(code).toBe(2)
  expect(stderr).toContain('"x" is no time; write')
})
