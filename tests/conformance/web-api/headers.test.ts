import { expect } from 'vitest'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { send } from '#tests/support/over-socket.ts'
import type { TestWorld } from '#tests/support/world.ts'
import { expectError, planSpec, test } from './wire.ts'

const newPlan = (world: TestWorld) =>
  makePlan(world, { inputs: { '/in': ['a:1'] } }, { service_account: 'a' })

test.for(['application/json', 'APPLICATION/JSON', 'application/json; charset=utf-8'])(
  'POST /api/plans takes %s',
  async (type, { ask }) => {
    expect((await ask('POST /api/plans', planSpec(), { 'content-type': type })).status).toBe(200)
  },
)

test.for(['text/plain', 'application/x-yaml', 'application/jsonp', ''])(
  'POST /api/plans refuses the type "%s" before it looks at the body',
  async (type, { ask }) => {
    expectError(await ask('POST /api/plans', '{', { 'content-type': type }), 400, 'bad request')
    const { text } = await ask('POST /api/plans', '{', { 'content-type': type })
    expect(text).toContain('content type')
  },
)

test.for(['text/plain', 'application/x-www-form-urlencoded', '', 'application/json'])(
  'PUT /api/data/:knitId does not look at the type "%s"',
  async (type, { ask, world }) => {
    const path = `PUT /api/data/${await makeData(world)}`
    expect((await ask(path, { add: ['a:1'] }, { 'content-type': type })).status).toBe(200)
  },
)

/** Changes of plans, and what each takes away of a plan that has everything. */
const changes = [
  ['resources', { unset: ['cpu', 'memory'] }],
  ['annotations', { remove_key: ['a'] }],
  ['serviceaccount', { service_account: '' }],
] as const

test.for(changes)(
  'PUT /api/plans/:planId/%s takes JSON with or without parameters, and no other type',
  async ([verb, body], { ask, world }) => {
    const path = `PUT /api/plans/${await newPlan(world)}/${verb}`
    for (const type of ['application/json', 'application/json; charset=utf-8'])
      expect((await ask(path, body, { 'content-type': type })).status).toBe(200)
    for (const type of ['text/plain', 'application/xml', ''])
      expectError(await ask(path, body, { 'content-type': type }), 400, 'bad request')
  },
)

test.for(['resources', 'annotations'] as const)(
  'PUT /api/plans/:planId/%s with Content-Length: 0 changes nothing',
  async (verb, { front, ask, world }) => {
    const planId = await newPlan(world)
    const before = await ask(`GET /api/plans/${planId}`)
    const path = `/api/plans/${planId}/${verb}`
    for (const headers of [
      { 'content-length': 0 },
      { 'content-length': 0, 'content-type': 'text/plain' },
    ]) {
      const reply = await send(front, { method: 'PUT', path, headers })
      expect([reply.status, reply.text]).toEqual([200, before.text])
    }
  },
)

test('PUT /api/plans/:planId/serviceaccount with Content-Length: 0 leaves no account', async ({
  front,
  ask,
  world,
}) => {
  const planId = await newPlan(world)
  expect((await ask(`GET /api/plans/${planId}`)).json).toMatchObject({ service_account: 'a' })
  const path = `/api/plans/${planId}/serviceaccount`
  const reply = await send(front, { method: 'PUT', path, headers: { 'content-length': 0 } })
  expect(reply.status).toBe(200)
  expect(JSON.parse(reply.text)).not.toHaveProperty('service_account')
})

test('a type on a GET, as the console sends it, means nothing', async ({ ask }) => {
  const headers = { 'content-type': 'application/json' }
  expect((await ask('GET /api/runs', undefined, headers)).status).toBe(200)
})

test.for(['active', 'abort'])(
  'a body where there should be none means nothing: PUT …/%s',
  async (verb, { ask, world }) => {
    const path =
      verb === 'active' ? `/api/plans/${await newPlan(world)}/active` : '/api/runs/x/abort'
    const { status } = await ask(`PUT ${path}`, '{"no": JSON')
    expect(status).toBe(verb === 'active' ? 200 : 404)
  },
)
