import { expect } from 'vitest'
import { openRoutes, routes } from '#shared/contracts/index.ts'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { makeRun } from '#tests/support/runs.ts'
import { expectError, nobody, ownTag, planSpec, shownTime, test } from './wire.ts'

test('trailing slash: one makes no difference, on success or failure', async ({ ask, world }) => {
  const { query, text } = ownTag()
  await makeData(world, text)
  const { planId } = await makeRun(world)
  for (const path of ['/api/data', `/api/plans/${planId}`, '/api/runs', '/api/nothing'])
    for (const tail of ['', `?${query}&plan=${planId}`]) {
      const [without, slash] = [await ask(`GET ${path}${tail}`), await ask(`GET ${path}/${tail}`)]
      expect([slash.status, slash.text]).toEqual([without.status, without.text])
    }
})

test('JSON answers: one document and a newline, of the type application/json', async ({ ask }) => {
  const { headers, text } = await ask('GET /api/plans')
  expect(headers['content-type']).toBe('application/json')
  expect(text).toBe(`${JSON.stringify(JSON.parse(text))}\n`)
})

test('JSON answers: <, > and & are escaped, and nothing else is', async ({ ask, world }) => {
  const { query, text } = ownTag()
  await makeData(world, text, 'a:<b>&"\\é日')
  const found = await ask(`GET /api/data?${query}`)
  expect(found.text).toContain('a:\\u003cb\\u003e\\u0026\\"\\\\é日')
})

test.for(['pretty', 'pretty=', 'pretty=false', 'pretty=1'])(
  '%s indents by two spaces, errors too',
  async (pretty, { ask }) => {
    const { query } = ownTag()
    expect((await ask(`GET /api/plans/${nobody}?${pretty}`)).text).toMatch(
      /^{\n  "message": ".*"\n}\n$/,
    )
    expect((await ask(`GET /api/data?${query}&${pretty}`)).text).toBe('[]\n')
    expect((await ask(`GET /api/nothing?${pretty}`)).text).toBe('{\n  "message": "Not Found"\n}\n')
  },
)

test('JSON requests: the letters of keys make no difference', async ({ ask }) => {
  const body = { IMAGE: 'web.test/capitals:1', Inputs: [{ Path: '/in', TAGS: ['capitals:1'] }] }
  const reply = await ask('POST /api/plans', body)
  expect(reply.json).toMatchObject({
    image: 'web.test/capitals:1',
    inputs: [{ path: '/in', tags: ['capitals:1'] }],
  })
})

test('JSON requests: unknown keys, and text after the first value, are ignored', async ({
  ask,
}) => {
  const text = `${JSON.stringify(planSpec({ logs: { tags: ['a:b'] }, surplus: [1] }))} {"more"`
  const reply = await ask('POST /api/plans', text)
  expect(reply.status).toBe(200)
  expect(reply.json).not.toHaveProperty('log')
})

test('lists are whole, and [] when there is nothing', async ({ ask, world }) => {
  const { query, text } = ownTag()
  expect((await ask(`GET /api/data?${query}`)).text).toBe('[]\n')
  for (let i = 0; i < 120; i += 1) await makeData(world, text)
  expect((await ask(`GET /api/data?${query}`)).json).toHaveLength(120)
})

test('400: the reason is "bad request"', async ({ ask }) => {
  expectError(await ask('GET /api/runs?status=none'), 400, 'bad request')
})

const faulty: [what: string, line: string, words: RegExp, body?: object][] = [
  ['what is missing', 'GET /api/explain', /"plan": it is missing$/],
  [
    'a word',
    `GET /api/lineage/${nobody}?direction=left`,
    /"direction": expected both, up or down$/,
  ],
  ['a number', 'GET /api/runs?limit=0', /"limit": expected at least 1$/],
  ['what is no number', 'GET /api/data?limit=many', /"limit": expected a number$/],
  ['yes or no', 'GET /api/plans?active=1', /"active": expected true or false$/],
  ['a list', 'POST /api/plans', /inputs: expected a list$/, { inputs: {} }],
  [
    'a quantity',
    'POST /api/plans',
    /resources\.cpu: a quantity is text or a number/,
    { resources: { cpu: true } },
  ],
  [
    'what is very long',
    'POST /api/plans',
    / … x+@" is no image name: .*a-z 0-9/,
    { image: `${'x'.repeat(9000)}@` },
  ],
]

test.for(faulty)('400 of %s says what would be right', async ([, line, words, body], { ask }) => {
  const reply = await ask(line, body)
  expectError(reply, 400, 'bad request')
  expect(reply.json).toMatchObject({ message: expect.stringMatching(words) })
})

test('400 of a tag update: the reason is "format error"', async ({ ask, world }) => {
  const knitId = await makeData(world)
  const long = `a:${'x'.repeat(5000)}`
  for (const change of [{ add: ['knit#id:1'] }, { remove: ['none'] }, { add: [long] }, '{', []])
    expectError(await ask(`PUT /api/data/${knitId}`, change), 400, 'format error')
})

test('404: the reason is "not found"', async ({ ask }) => {
  expectError(await ask(`GET /api/runs/${nobody}`), 404, 'not found')
})

test('409: the reason is that of the operation', async ({ ask, world }) => {
  const { runId } = await makeRun(world, { status: 'done' })
  expectError(await ask(`PUT /api/runs/${runId}/abort`), 409, 'prohibited operation')
})

test('503: the reason is "service unavailable temporaly", the advice "please retry later", and it says when', async ({
  ask,
  world,
}) => {
  const { runId } = await makeRun(world)
  const reply = await ask(`GET /api/runs/${runId}/log`)
  expectError(reply, 503, 'service unavailable temporaly')
  expect((reply.json as { message: string }).message.split('\n')[1]).toBe('please retry later')
  expect(Number(reply.headers['retry-after'])).toBeGreaterThan(0)
})

test('500: the reason is "unexpected error", and nothing of the inside is told', async ({
  ask,
  world,
}) => {
  const knitId = await makeData(world)
  const { transfers } = world
  world.transfers = {
    ...transfers,
    send: async () => {
      throw new Error('secret: /var/lib/data at file.ts:12')
    },
  }
  const reply = await ask(`GET /api/data/${knitId}`)
  world.transfers = transfers
  expectError(reply, 500, 'unexpected error')
  expect(reply.text).toContain(`under the request id ${reply.headers['x-request-id']}`)
  expect(reply.text).not.toContain('secret')
})

test('who accepts problem details is told in them, of every kind of failure', async ({
  ask,
  world,
}) => {
  const { runId } = await makeRun(world, { status: 'done' })
  const headers = { accept: 'application/json, application/problem+json' }
  for (const [line, status, code] of [
    ['GET /api/runs?status=none', 400, 'bad-request'],
    [`GET /api/runs/${nobody}`, 404, 'run-not-found'],
    ['GET /api/nothing', 404, 'route-not-found'],
    ['PATCH /api/runs', 405, 'method-not-allowed'],
    [`PUT /api/runs/${runId}/abort`, 409, 'move-prohibited'],
  ] as const) {
    const reply = await ask(line, undefined, headers)
    expect(reply.status).toBe(status)
    expect(reply.headers['content-type']).toBe('application/problem+json')
    expect(JSON.parse(reply.text)).toEqual({
      type: `urn:knitfab:problem:${code}`,
      title: expect.any(String),
      status,
      detail: expect.any(String),
      code,
      requestId: reply.headers['x-request-id'],
    })
  }
})

test.for(['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])(
  'unknown path: %s is 404 "Not Found", of which that is all',
  async (method, { ask }) => {
    for (const path of ['/api', '/api/nothing', '/api/plans/a%2Fb', '/api/data/a/b'])
      expect(await ask(`${method} ${path}`)).toMatchObject({
        status: 404,
        text: '{"message":"Not Found"}\n',
      })
  },
)

test.for([
  ['PATCH', '/api/data', 'GET, OPTIONS, POST'],
  ['DELETE', '/api/data/x', 'GET, OPTIONS, PUT'],
  ['PUT', '/api/plans', 'GET, OPTIONS, POST'],
  ['GET', '/api/plans/x/annotations', 'OPTIONS, PUT'],
  ['POST', '/api/plans/x/serviceaccount', 'DELETE, OPTIONS, PUT'],
  ['GET', '/api/runs/x/retry', 'OPTIONS, PUT'],
] as const)(
  'known path, wrong method: %s %s is 405 with Allow',
  async ([method, path, allow], { ask }) => {
    const reply = await ask(`${method} ${path}`)
    expect(reply).toMatchObject({ status: 405, text: '{"message":"Method Not Allowed"}\n' })
    expect(reply.headers['allow']).toBe(allow)
  },
)

test.for([...new Set([...routes, ...openRoutes].map(({ path }) => path))])(
  'HEAD is 405 on every route: %s',
  async (path, { ask }) => {
    const { status, headers } = await ask(`HEAD ${path.replace(/:\w+/g, nobody)}`)
    expect({ status, allow: headers['allow'] }).toEqual({
      status: 405,
      allow: expect.stringMatching(/^((DELETE|GET|OPTIONS|POST|PUT)(, |$))+$/),
    })
  },
)

test.for(['GET', 'POST', 'PUT', 'DELETE'])(
  'there is no console: %s of what is not below /api is 404, and no method is wrong there',
  async (method, { ask }) => {
    for (const path of ['/', '/index.html', '/runs/x'])
      expect(await ask(`${method} ${path}`)).toMatchObject({
        status: 404,
        text: '{"message":"Not Found"}\n',
      })
  },
)

test('OPTIONS on a known path is 204 with Allow, in which it is itself', async ({ ask }) => {
  const reply = await ask('OPTIONS /api/runs/x')
  expect([reply.status, reply.text]).toEqual([204, ''])
  expect(reply.headers['allow']).toBe('DELETE, GET, OPTIONS')
})

test('times: UTC with a numeric offset, cut to milliseconds, without zeros at the end', async ({
  ask,
  world,
}) => {
  const { runId } = await makeRun(world, { status: 'done' })
  const show = async (time: string): Promise<string> => {
    await world.sql`update run set updated_at = ${time}::timestamptz where id = ${runId}`
    const { updatedAt } = (await ask(`GET /api/runs/${runId}`)).json as { updatedAt: string }
    expect(updatedAt).toMatch(shownTime)
    return updatedAt
  }
  expect(await show('2026-01-02T12:04:05.670Z')).toBe('2026-01-02T12:04:05.67+00:00')
  expect(await show('2026-01-02T12:04:00+09:00')).toBe('2026-01-02T03:04:00+00:00')
})

test('order: plans by planId, runs by updatedAt and then runId, data by their end, unfinished last', async ({
  ask,
  world,
}) => {
  for (const status of ['done', 'waiting', 'failed', 'running'] as const)
    await makeRun(world, { status })
  const plans = (await ask('GET /api/plans')).json as { planId: string }[]
  const ids = plans.map(({ planId }) => planId)
  expect(ids).toEqual(ids.toSorted())
  const runs = (await ask('GET /api/runs')).json as { updatedAt: string; runId: string }[]
  const moments = runs.map(
    ({ updatedAt, runId }) => `${new Date(updatedAt).toISOString()} ${runId}`,
  )
  expect(moments).toEqual(moments.toSorted())
  const data = (await ask('GET /api/data')).json as { tags: string[] }[]
  const hasEnded = data.map(({ tags }) => tags.some((tag) => tag.startsWith('knit#timestamp:')))
  expect(hasEnded.lastIndexOf(true)).toBeLessThan(hasEnded.indexOf(false))
})

test('order: data by their end and not by when they were made, unfinished last, and then by knitId', async ({
  ask,
  world,
}) => {
  const { text, query } = ownTag()
  const made: string[] = []
  for (let i = 0; i < 6; i += 1) made.push(await makeData(world, text))
  // The first has not ended, the second and third ended last and at the same moment, and the others in the other order.
  const ends = [null, 9, 9, 5, 3, 1]
  for (const [i, second] of ends.entries()) {
    const end = second === null ? null : `2026-03-03T03:03:0${second}Z`
    await world.sql`
      update data set ended_at = ${end}, ready = ${end !== null} where id = ${made[i] ?? ''}`
  }
  const found = (await ask(`GET /api/data?${query}`)).json as { knitId: string }[]
  const [unfinished, one, other, ...earlier] = made
  expect(found.map(({ knitId }) => knitId)).toEqual([
    ...earlier.toReversed(),
    ...[one, other].toSorted(),
    unfinished,
  ])
})

test('order: tags by key, then value, in the order of their bytes, and each once', async ({
  ask,
  world,
}) => {
  const { query, text } = ownTag()
  await makeData(world, text, 'b:1', 'a:2', 'a:10', 'Z:1', 'é:1', 'z:1', 'b:1')
  const [{ tags }] = (await ask(`GET /api/data?${query}`)).json as [{ tags: string[] }]
  const own = tags.filter((tag) => !/^(knit#|own)/.test(tag))
  expect(own).toEqual(['Z:1', 'a:10', 'a:2', 'b:1', 'z:1', 'é:1'])
  expect(tags.findIndex((tag) => tag.startsWith('knit#'))).toBe(tags.indexOf('b:1') + 1)
})

test('order: inputs and outputs are those of the plan', async ({ ask, world }) => {
  const inputs = { '/z': ['a:1'], '/a': ['b:1'], '/m': ['c:1'] }
  const planId = await makePlan(world, { inputs, outputs: { '/y': [], '/b': [] } })
  const shown = (await ask(`GET /api/plans/${planId}`)).json as Record<string, { path: string }[]>
  expect(shown['inputs']?.map(({ path }) => path)).toEqual(['/z', '/a', '/m'])
  expect(shown['outputs']?.map(({ path }) => path)).toEqual(['/y', '/b'])
})
