import { expect, test } from 'vitest'
import { routes } from '#shared/contracts/index.ts'
import { Problem } from '#shared/contracts/problems.ts'
import type { AuditRecord } from '#shared/database/audit.ts'
import type { Role } from '#shared/domain/role.ts'
import { identityHeader, signIdentity, verifyIdentity } from '#shared/runtime/identity.ts'
import { createTracer } from '#shared/runtime/tracer.ts'
import { signingKey } from '#tests/support/world.ts'
import { gateway, type GatewayOptions } from './gateway.ts'

const openapi = { openapi: '3.1.0', info: { title: '<&>' } }

/** A gateway before functions that answer with what has reached them. */
function open(changes: Partial<GatewayOptions> = {}) {
  return gateway({
    routes,
    signingKey,
    authenticate: async () => ({ name: 'ann', role: 'user' }),
    stillGood: async () => ({ name: 'ann', role: 'user' }),
    addressOf: () => '192.0.2.1',
    admit: () => {},
    refused: () => {},
    passedOn: () => {},
    forward: async (route, request) =>
      Response.json({
        route: route.name,
        method: request.method,
        url: request.url,
        headers: Object.fromEntries(request.headers),
        body: await request.text(),
      }),
    openapi,
    metrics: { time: () => {} },
    tracer: createTracer(),
    ...changes,
  })
}

type Reached = {
  route: string
  method: string
  url: string
  headers: Record<string, string>
  body: string
}

async function reach(path: string, init: RequestInit = {}): Promise<Reached> {
  const response = await open().request(`http://gate.local${path}`, init)
  expect(response.status).toBe(200)
  return (await response.json()) as Reached
}

test('a request reaches its function with path, query, headers and body as they were', async () => {
  const url = '/api/plans/?pretty&in_tag=a%3Ab%2B+c&in_tag=%F0%9F%98%80'
  const reached = await reach(url, {
    method: 'POST',
    body: '{"a": "日本"}',
    headers: { 'content-type': 'application/json', 'x-own': 'kept', accept: 'text/html' },
  })
  expect(reached).toMatchObject({
    route: 'plans.apply',
    method: 'POST',
    url: `http://gate.local${url}`,
    body: '{"a": "日本"}',
    headers: { 'content-type': 'application/json', 'x-own': 'kept', accept: 'text/html' },
  })
})

test('who calls is signed for the route alone, and an identity from outside is not believed', async () => {
  const forged = await signIdentity({ name: 'eve', role: 'admin' }, 'runs.show', signingKey)
  for (const name of [identityHeader, identityHeader.toUpperCase()]) {
    const { headers } = await reach('/api/runs/x', { headers: { [name]: forged } })
    const token = headers[identityHeader]
    expect(token).not.toContain(forged)
    expect(await verifyIdentity(token, 'runs.show', signingKey)).toEqual({
      name: 'ann',
      role: 'user',
      address: '192.0.2.1',
    })
    expect(await verifyIdentity(token, 'runs.find', signingKey)).toBeUndefined()
  }
  const doubled = new Headers([
    [identityHeader, forged],
    [identityHeader, forged],
  ])
  const { headers } = await reach('/api/runs/x', { headers: doubled })
  expect(await verifyIdentity(headers[identityHeader], 'runs.show', signingKey)).toMatchObject({
    name: 'ann',
  })
})

test('every request has an id of its own, whatever the caller says', async () => {
  const given = { headers: { 'x-request-id': 'mine\tevil' } }
  const ids = [await reach('/api/data', given), await reach('/api/data', given)].map(
    ({ headers }) => headers['x-request-id'],
  )
  expect(new Set(ids).size).toBe(2)
  for (const id of ids) expect(id).toMatch(/^[0-9a-f-]{36}$/)
})

test('the trace of the caller goes on; a malformed one is replaced', async () => {
  const trace = '0af7651916cd43dd8448eb211c80319c'
  const parent = `00-${trace}-b7ad6b7169203331-00`
  const { headers } = await reach('/api/data', { headers: { traceparent: parent } })
  expect(headers['traceparent']).toMatch(new RegExp(`^00-${trace}-[0-9a-f]{16}-00$`))
  expect(headers['traceparent']).not.toBe(parent)
  for (const traceparent of [
    'nonsense',
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `${parent}, ${parent}`,
    '',
  ]) {
    const fresh = await reach('/api/data', { headers: { traceparent } })
    expect(fresh.headers['traceparent']).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
  }
})

test.for(['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])(
  'an unknown path is 404 for %s, in the form that is known',
  async (method) => {
    for (const path of [
      '/',
      '/api',
      '/api/nothing/',
      '/api/plans/a%2Fb',
      '/api/data/x/y',
      '/other',
    ]) {
      const response = await open().request(`http://gate.local${path}`, { method })
      expect(response.status).toBe(404)
      expect(response.headers.get('content-type')).toBe('application/json')
      expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
      expect(await response.text()).toBe('{"message":"Not Found"}\n')
    }
  },
)

test.for([
  ['PUT', '/api/data', 'GET, OPTIONS, POST'],
  ['HEAD', '/api/data', 'GET, OPTIONS, POST'],
  ['PATCH', '/api/data/x/', 'GET, OPTIONS, PUT'],
  ['POST', '/api/runs/x/log', 'GET, OPTIONS'],
  ['GET', '/api/plans/x/active', 'DELETE, OPTIONS, PUT'],
  ['HEAD', '/api/runs/', 'GET, OPTIONS'],
  ['HEAD', '/api/openapi.json', 'GET, OPTIONS'],
  ['POST', '/api/openapi.json', 'GET, OPTIONS'],
] as const)('%s %s is 405 and says what is allowed', async ([method, path, allow]) => {
  const response = await open().request(`http://gate.local${path}`, { method })
  expect(response.status).toBe(405)
  expect(response.headers.get('allow')).toBe(allow)
  const text = method === 'HEAD' ? '' : '{"message":"Method Not Allowed"}\n'
  expect(await response.text()).toBe(text)
})

test.for([
  ['/api/data', 'GET, OPTIONS, POST'],
  ['/api/plans/x/active/', 'DELETE, OPTIONS, PUT'],
  ['/api/openapi.json', 'GET, OPTIONS'],
] as const)('OPTIONS %s is 204 and says what is allowed', async ([path, allow]) => {
  const response = await open().request(`http://gate.local${path}`, { method: 'OPTIONS' })
  expect(response.status).toBe(204)
  expect(response.headers.get('allow')).toBe(allow)
  expect(await response.text()).toBe('')
})

test('pretty and problem details hold for what the gateway itself refuses', async () => {
  const pretty = await open().request('http://gate.local/api/nothing?pretty')
  expect(await pretty.text()).toBe('{\n  "message": "Not Found"\n}\n')
  const headers = { accept: 'application/problem+json' }
  const absent = await open().request('http://gate.local/api/nothing', { headers })
  expect(absent.headers.get('content-type')).toBe('application/problem+json')
  expect(await absent.json()).toMatchObject({ status: 404, code: 'route-not-found' })
  const wrong = await open().request('http://gate.local/api/data', { method: 'PUT', headers })
  expect(wrong.headers.get('allow')).toBe('GET, OPTIONS, POST')
  expect(await wrong.json()).toMatchObject({ status: 405, code: 'method-not-allowed' })
})

test('who is not let in reaches no function', async () => {
  let reached = 0
  const app = open({
    authenticate: async () => {
      throw new Problem('unauthorized', 'A token is needed.')
    },
    forward: async () => {
      reached += 1
      return new Response()
    },
  })
  for (const { method, path } of routes) {
    const response = await app.request(`http://gate.local${path}`, { method: method.toUpperCase() })
    expect(response.status).toBe(401)
    expect(await response.text()).toBe('{"message":"unauthorized\\nA token is needed."}\n')
  }
  expect(reached).toBe(0)
})

test('what somebody signs in with ends at the gateway', async () => {
  const { headers } = await reach('/api/runs/x', {
    headers: { authorization: 'Bearer a secret', cookie: 'a=secret' },
  })
  expect(JSON.stringify(headers)).not.toContain('secret')
})

test('who may not change what they wanted to is told of, with what that was; who only looks is not', async () => {
  const told: AuditRecord[] = []
  const app = open({
    authenticate: async () => ({ name: 'eve', role: 'viewer' }),
    refused: (attempt) => void told.push(attempt),
  })
  const ask = (path: string, init?: RequestInit) => app.request(`http://gate.local${path}`, init)
  const trace = '0af7651916cd43dd8448eb211c80319c'
  const headers = { traceparent: `00-${trace}-b7ad6b7169203331-00` }
  const refused = await ask('/api/runs/r1/abort', { method: 'PUT', headers })
  expect(refused.status).toBe(403)
  expect(await refused.text()).toContain('eve is a viewer, and this needs the role user')
  await ask('/api/admin/check')
  await ask('/api/runs/r1/abort')
  await ask('/api/none', { method: 'PUT' })
  expect(told).toEqual([
    {
      actor: 'eve',
      address: '192.0.2.1',
      route: 'runs.abort',
      subjects: ['r1'],
      status: 403,
      requestId: refused.headers.get('x-request-id'),
      trace,
    },
  ])
})

test('who is not known is told of with where they come from; a failure of ours is nobody’s attempt', async () => {
  const told: AuditRecord[] = []
  const refused = (attempt: AuditRecord) => void told.push(attempt)
  for (const error of [new Problem('unauthorized', 'no'), new Error('connect ECONNREFUSED')]) {
    const app = open({ authenticate: () => Promise.reject(error), refused })
    await app.request('http://gate.local/api/plans', { method: 'POST' })
  }
  expect(told).toMatchObject([
    { actor: undefined, address: '192.0.2.1', route: 'plans.apply', subjects: [], status: 401 },
  ])
})

test('an answer that asks for patience says how long, one that asks who says how', async () => {
  const answered = async (problem: Problem, headers: Record<string, string> = {}) => {
    const app = open({ authenticate: () => Promise.reject(problem) })
    return (await app.request('http://gate.local/api/data', { headers })).headers
  }
  const waiting = await answered(new Problem('too-many-requests', 'wait', { retryAfter: 1.2 }))
  expect(waiting.get('retry-after')).toBe('2')
  expect((await answered(new Problem('unauthorized', 'who'))).get('www-authenticate')).toBe(
    'Bearer',
  )
  const given = await answered(new Problem('unauthorized', 'who'), { authorization: 'Bearer bad' })
  expect(given.get('www-authenticate')).toBe('Bearer error="invalid_token"')
})

test('metrics are told to admins alone, and nowhere that has none to tell', async () => {
  const get = (role: Role, changes: Partial<GatewayOptions> = {}) =>
    open({
      authenticate: async () => ({ name: 'ann', role }),
      tellMetrics: async () => new Response('knit_build_info 1\n'),
      ...changes,
    }).request('http://gate.local/metrics')
  const told = await get('admin')
  expect([told.status, await told.text()]).toEqual([200, 'knit_build_info 1\n'])
  for (const role of ['viewer', 'user'] as const) {
    const refused = await get(role)
    expect(refused.status).toBe(403)
    expect(await refused.text()).toMatch(/this needs the role admin/)
  }
  const authenticate = async () => {
    throw new Problem('unauthorized', 'A token is needed.')
  }
  expect((await get('admin', { authenticate })).status).toBe(401)
  expect((await get('admin', { tellMetrics: undefined })).status).toBe(404)
})

test('what a request took is told by its route and status, also of one that was not let in', async () => {
  const told: unknown[] = []
  const metrics = { time: (_: string, labels: object) => void told.push(labels) }
  const app = open({ metrics })
  for (const path of ['/api/data', '/api/data/x', '/nowhere'])
    await app.request(`http://gate.local${path}`)
  await app.request('http://gate.local/api/data', { method: 'PUT' })
  await open({
    metrics,
    authenticate: async () => {
      throw new Problem('unauthorized', 'A token is needed.')
    },
  }).request('http://gate.local/api/runs')
  expect(told).toEqual([
    { route: 'data.find', status: '2xx' },
    { route: 'data.pull', status: '2xx' },
    { route: 'none', status: '4xx' },
    { route: 'none', status: '4xx' },
    { route: 'runs.find', status: '4xx' },
  ])
})

test('a failure behind the gateway says nothing of its inside', async () => {
  const app = open({
    forward: async () => {
      throw new Error('connect ECONNREFUSED 10.0.0.7:8080')
    },
  })
  const response = await app.request('http://gate.local/api/data')
  expect(response.status).toBe(500)
  expect(await response.text()).not.toContain('10.0.0.7')
})

test('the description of the API is for everybody, with a slash at the end and pretty', async () => {
  const app = open({
    authenticate: async () => {
      throw new Problem('unauthorized', 'A token is needed.')
    },
  })
  const plain = await app.request('http://gate.local/api/openapi.json')
  expect(plain.headers.get('content-type')).toBe('application/json')
  expect(await plain.text()).toBe('{"openapi":"3.1.0","info":{"title":"\\u003c\\u0026\\u003e"}}\n')
  const pretty = await app.request('http://gate.local/api/openapi.json/?pretty')
  expect(await pretty.json()).toEqual(openapi)
})

test('what is told to everybody is written once for all of them, in each of its forms', async () => {
  let written = 0
  const counted = {
    get info() {
      written += 1
      return { title: 'Counted' }
    },
  }
  const app = open({ openapi: counted })
  for (const path of ['/api/openapi.json', '/api/openapi.json?pretty', '/api/docs']) {
    const ask = async () => (await app.request(`http://gate.local${path}`)).text()
    expect(await ask()).toContain('Counted')
    expect(await ask()).toBe(await ask())
  }
  expect(written).toBe(3)
})

test('who may not be told now what everybody is told has to wait, and their address decides', async () => {
  const asked: unknown[] = []
  const admit = (address: string | undefined) => {
    asked.push(address)
    throw new Problem('too-many-requests', 'wait', { retryAfter: 3 })
  }
  const app = open({ admit })
  for (const path of ['/api/openapi.json', '/api/docs', '/api/auth']) {
    const response = await app.request(`http://gate.local${path}`)
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '3'])
  }
  expect(asked).toEqual(['192.0.2.1', '192.0.2.1', '192.0.2.1'])
  expect((await app.request('http://gate.local/api/data')).status).toBe(200)
})

test('the same is there as a page for people, which may load and execute nothing', async () => {
  for (const path of ['/api/docs', '/api/docs/']) {
    const response = await open().request(`http://gate.local${path}`)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none';/)
    expect(await response.text()).toContain('<title>&lt;&amp;&gt; API</title>')
  }
})
