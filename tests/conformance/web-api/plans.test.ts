import { expect } from 'vitest'
import { makeData } from '#tests/support/makers.ts'
import { makeRun } from '#tests/support/runs.ts'
import { expectError, nobody, ownTag, planSpec, test, type Ask } from './wire.ts'

const input = (path: string, ...tags: unknown[]) => ({
  path,
  tags: tags.length > 0 ? tags : ['a:b'],
})

/** What makes a registration fail, in the order in which it is told: each has the faults of all that follow as well. */
const faults: [condition: string, spec: object, why: RegExp][] = [
  ['JSON decoding: a tag', { log: { tags: ['none'] } }, /can not understand the requested json/],
  [
    'JSON decoding: an image',
    { image: 'Upper/case:1' },
    /can not understand the requested json.*Upper\/case/,
  ],
  ['on_node: key', { on_node: { may: ['-bad=x'], must: ['ok= bad'] } }, /on_node: invalid key/],
  ['on_node: value', { on_node: { must: ['ok= bad'] } }, /on_node: invalid value/],
  ['image: missing', { image: '' }, /nameless or versionless image/],
  ['inputs: none', { inputs: [] }, /unreachable plan/],
  ['path: empty, of an input', { inputs: [input(''), input('/a//b')] }, /bad mountpoint path/],
  [
    'path: empty, of an output',
    { inputs: [input('/a//b')], outputs: [{ path: '', tags: [] }] },
    /bad mountpoint path.*empty/,
  ],
  [
    'input: path not clean',
    { inputs: [{ path: '/a//b', tags: [] }] },
    /bad mountpoint path.*\/a\/\/b/,
  ],
  ['input: no tags', { inputs: [{ path: '/out', tags: [] }] }, /bad tag/],
  ['input: forbidden system tag', { inputs: [input('/out', 'knit#x:1')] }, /bad tag.*knit#x/],
  [
    'input: two different knit#id',
    { inputs: [input('/out', `knit#id:${nobody}`, `knit#id:${nobody.replace('0d', '0e')}`)] },
    /bad tag/,
  ],
  [
    'input: overlap with an output',
    { inputs: [input('/out/in')], outputs: [{ path: '/out', tags: ['knit#x:1'] }] },
    /mountpoints are overlapped/,
  ],
  [
    'output: path not absolute',
    { inputs: [input('/in')], outputs: [{ path: 'out', tags: ['knit#x:1'] }] },
    /bad mountpoint path/,
  ],
  ['output: system tag', { outputs: [{ path: '/out', tags: ['knit#x:1'] }] }, /bad tag.*\/out/],
  [
    'output: overlap',
    {
      outputs: [
        { path: '/out', tags: [] },
        { path: '/out/x', tags: [] },
      ],
    },
    /mountpoints are overlapped/,
  ],
  ['log: system tag', { outputs: [], log: { tags: ['knit#x:1'] } }, /bad tag.*log/],
]

test.for(faults.map(([condition], index) => [condition, index] as const))(
  '%s is 400, and told before what comes after it',
  async ([, index], { ask }) => {
    const following = faults.slice(index).toReversed()
    const spec = Object.assign(planSpec(), ...following.map(([, changes]) => changes)) as object
    const reply = await ask('POST /api/plans', spec)
    expectError(reply, 400, 'bad request')
    expect(reply.json).toMatchObject({ message: expect.stringMatching(faults[index]?.[2] ?? /./) })
  },
)

test.for([
  '{"image": ',
  '[]',
  '1',
  '{"inputs": {}}',
  '{"active": "true"}',
  '{"args": "a b"}',
  '{"resources": {"cpu": true}}',
  '{"annotations": ["none"]}',
  '{"on_node": {"must": ["none"]}}',
])('JSON decoding: %s is 400', async (body, { ask }) => {
  const reply = await ask('POST /api/plans', body)
  expectError(reply, 400, 'bad request')
  expect(reply.text).toContain('can not understand the requested json')
})

test('equivalent plan: 409, and its id is told', async ({ ask }) => {
  const spec = planSpec({ annotations: ['a=1'], resources: { cpu: 1 }, active: true })
  const { planId } = (await ask('POST /api/plans', spec)).json as { planId: string }
  const other = {
    ...spec,
    annotations: [],
    resources: { cpu: 2 },
    active: false,
    service_account: 'a',
  }
  const reply = await ask('POST /api/plans', other)
  expectError(reply, 409, 'there are equiverent plan')
  expect(reply.text).toContain(planId)
})

test('equivalent plan: the order of inputs, outputs, tags and labels makes no other one', async ({
  ask,
}) => {
  const { text } = ownTag()
  const spec = {
    image: 'web.test/order:1',
    inputs: [input('/a', text, 'b:1'), input('/b', 'c:1', 'd:1')],
    outputs: [
      { path: '/x', tags: ['e:1', 'f:1'] },
      { path: '/y', tags: [] },
    ],
    log: { tags: ['g:1', 'h:1'] },
    on_node: { may: ['i=1', 'j=1'] },
  }
  expect((await ask('POST /api/plans', spec)).status).toBe(200)
  const turned = JSON.parse(JSON.stringify(spec), (_, value) =>
    Array.isArray(value) ? value.toReversed() : value,
  ) as object
  expectError(await ask('POST /api/plans', turned), 409, 'there are equiverent plan')
})

test.for([
  ['image', { image: 'web.test/another:1' }],
  ['on_node', { on_node: { may: ['a=b'] } }],
  ['input tags', { inputs: [input('/in', 'a:1', 'b:1')] }],
  ['input path', { inputs: [input('/else', 'a:1')] }],
  ['outputs', { outputs: [{ path: '/out', tags: [] }] }],
  ['log', { log: {} }],
  ['entrypoint', { entrypoint: ['a'] }],
  ['args, and their order', { args: ['b', 'a'] }],
] as [string, object][])('what makes a plan another one: %s', async ([, change], { ask }) => {
  const { text } = ownTag()
  const spec = { image: 'web.test/base:1', inputs: [input('/in', text)], args: ['a', 'b'] }
  expect((await ask('POST /api/plans', spec)).status).toBe(200)
  const changed = JSON.parse(
    JSON.stringify({ ...spec, ...change }).replaceAll('a:1', text),
  ) as object
  expect((await ask('POST /api/plans', changed)).status).toBe(200)
})

test('cycle: 409, also through a log and through inactive plans', async ({ ask }) => {
  const [a, b] = [ownTag().text, ownTag().text]
  const first = planSpec({ inputs: [input('/in', a)], log: { tags: [b] }, active: false })
  expect((await ask('POST /api/plans', first)).status).toBe(200)
  const second = planSpec({ inputs: [input('/in', b)], outputs: [{ path: '/out', tags: [a] }] })
  expectError(await ask('POST /api/plans', second), 409, 'plan spec conflics with others')
  const itself = planSpec({ inputs: [input('/in', a)], outputs: [{ path: '/out', tags: [a] }] })
  expectError(await ask('POST /api/plans', itself), 409, 'plan spec conflics with others')
})

test('length limits are 400, and no error of the database', async ({ ask }) => {
  for (const change of [
    { inputs: [input(`/${'x'.repeat(5000)}`)] },
    { image: `a/${'x'.repeat(600)}` },
    { image: `a/b:${'x'.repeat(129)}` },
    { service_account: 'x'.repeat(64) },
    { annotations: [`${'k'.repeat(300)}=v`] },
  ])
    expectError(await ask('POST /api/plans', planSpec(change)), 400, 'bad request')
})

const shownAs: [rule: string, spec: object, shown: object][] = [
  [
    'paths: one slash at the end is removed',
    { inputs: [input('/in/')] },
    { inputs: [{ path: '/in' }] },
  ],
  [
    'overlap: siblings that begin alike are fine',
    { inputs: [input('/in/1'), input('/in/10')] },
    { inputs: [{ path: '/in/1' }, { path: '/in/10' }] },
  ],
  ['outputs: may be none', { outputs: null }, { outputs: [] }],
  ['log: tags may be empty', { log: {} }, { log: { tags: [], downstreams: [] } }],
  [
    'log: never clashes with /log',
    { inputs: [input('/log')], log: {} },
    { inputs: [{ path: '/log' }] },
  ],
  [
    'on_node key: as Kubernetes takes it',
    { on_node: { must: ['Vendor.test/gpu_type.x=A-1'] } },
    { on_node: { must: ['Vendor.test/gpu_type.x=A-1'] } },
  ],
  [
    'on_node: the same label twice',
    { on_node: { may: ['a=b', 'a=b'] } },
    { on_node: { may: ['a=b'] } },
  ],
  ['resources: defaults', {}, { resources: { cpu: '1', memory: '1Gi' } }],
  [
    'resources: canonical quantities',
    { resources: { cpu: 0.5, memory: '1024Mi', 'x/gpu': '1000' } },
    { resources: { cpu: '500m', memory: '1Gi', 'x/gpu': '1k' } },
  ],
  ['resources: null is 0', { resources: { cpu: null } }, { resources: { cpu: '0' } }],
  ['active: missing or null', { active: null }, { active: true }],
  ['active: false', { active: false }, { active: false }],
  [
    'annotations: trimmed, sorted, doubles once, keys several times',
    { annotations: ['b = 1', 'a=2', 'a=1', 'a=2'] },
    { annotations: ['a=1', 'a=2', 'b=1'] },
  ],
  ['image: no tag is latest', { image: 'web.test/a' }, { image: 'web.test/a:latest' }],
  [
    'image: docker.io',
    { image: 'docker.io/web1' },
    { image: 'index.docker.io/library/web1:latest' },
  ],
  ['image: a port is no tag', { image: 'host:5000/a' }, { image: 'host:5000/a:latest' }],
  [
    'entrypoint, args',
    { entrypoint: ['a', ''], args: ['<b>'] },
    { entrypoint: ['a', ''], args: ['<b>'] },
  ],
  ['service_account', { service_account: 'trainer' }, { service_account: 'trainer' }],
]

test.for(shownAs)('%s', async ([, spec, shown], { ask }) => {
  const reply = await ask('POST /api/plans', planSpec(spec))
  expect({ status: reply.status, text: reply.text }).toMatchObject({ status: 200 })
  expect(reply.json).toMatchObject(shown)
})

test('service_account: empty is none; log: absent when there is none', async ({ ask }) => {
  const { json } = await ask('POST /api/plans', planSpec({ service_account: '' }))
  expect(json).not.toHaveProperty('service_account')
  expect(json).not.toHaveProperty('log')
})

test('upstreams and downstreams: who feeds whom, but for inputs that ask for system tags', async ({
  ask,
}) => {
  const [from, to] = [ownTag().text, ownTag().text]
  const register = async (spec: object) =>
    (await ask('POST /api/plans', planSpec(spec))).json as Plan
  const first = await register({ inputs: [input('/in', from)], log: { tags: [to, 'x:1'] } })
  const asked = [to, `knit#id:${nobody}`]
  const second = await register({ inputs: [input('/in', to), input('/one', ...asked)] })
  expect(second.inputs.map(({ upstreams }) => upstreams)).toMatchObject([
    [{ plan: { planId: first.planId }, log: { tags: expect.arrayContaining([to]) } }],
    [],
  ])
  const { log } = (await ask(`GET /api/plans/${first.planId}`)).json as Plan
  expect(log?.downstreams).toMatchObject([
    { plan: { planId: second.planId }, mountpoint: { path: '/in', tags: [to] } },
  ])
})

type Plan = {
  planId: string
  inputs: { upstreams: unknown[] }[]
  log?: { downstreams: unknown[] }
  resources?: object
  annotations?: string[]
}

/** The id of a built-in plan. */
async function builtIn(ask: Ask): Promise<string> {
  const plans = (await ask('GET /api/plans')).json as { planId: string; name?: string }[]
  return plans.find(({ name }) => name === 'knit#uploaded')?.planId ?? ''
}

test('PUT and DELETE active: runs are held and let go, and nothing else of them changes', async ({
  ask,
  world,
}) => {
  const { runId, planId } = await makeRun(world)
  const run = async () =>
    (await ask(`GET /api/runs/${runId}`)).json as { status: string; updatedAt: string }
  const before = await run()
  for (const [method, status, active] of [
    ['DELETE', 'deactivated', false],
    ['DELETE', 'deactivated', false],
    ['PUT', 'waiting', true],
    ['PUT', 'waiting', true],
  ] as const) {
    expect((await ask(`${method} /api/plans/${planId}/active`)).json).toMatchObject({ active })
    expect(await run()).toMatchObject({ status, updatedAt: before.updatedAt })
  }
})

test('PUT and DELETE active: a built-in plan is 404', async ({ ask }) => {
  const planId = await builtIn(ask)
  for (const method of ['PUT', 'DELETE'])
    expectError(await ask(`${method} /api/plans/${planId}/active`), 404, 'not found')
})

test('PUT resources: unset wins over set, and unset cpu has no default again', async ({
  ask,
  world,
}) => {
  const { planId } = await makeRun(world)
  const change = { set: { cpu: 2, 'x/gpu': '1' }, unset: ['cpu'] }
  const { resources } = (await ask(`PUT /api/plans/${planId}/resources`, change)).json as Plan
  expect(resources).toEqual({ memory: '1Gi', 'x/gpu': '1' })
})

test('PUT annotations: removed by key, removed exactly, then put', async ({ ask, world }) => {
  const { planId } = await makeRun(world)
  const path = `PUT /api/plans/${planId}/annotations`
  await ask(path, { add: ['a=1', 'a=2', 'b=1', 'c=1'] })
  const change = { remove_key: ['a'], remove: ['b=1', 'c=2'], add: ['a=3', 'c=1'] }
  expect(((await ask(path, change)).json as Plan).annotations).toEqual(['a=3', 'c=1'])
})

test('PUT and DELETE serviceaccount: deleting nothing is fine', async ({ ask, world }) => {
  const { planId } = await makeRun(world)
  const path = `/api/plans/${planId}/serviceaccount`
  expect((await ask(`PUT ${path}`, { service_account: 'a' })).json).toMatchObject({
    service_account: 'a',
  })
  for (let times = 0; times < 2; times += 1)
    expect((await ask(`DELETE ${path}`)).json).not.toHaveProperty('service_account')
})

test('PUT resources, annotations, serviceaccount: built-in plans may be changed', async ({
  ask,
}) => {
  const planId = await builtIn(ask)
  for (const [verb, body] of [
    ['resources', { set: { cpu: 1 } }],
    ['annotations', { add: ['a=1'] }],
    ['serviceaccount', { service_account: 'a' }],
  ] as const)
    expect((await ask(`PUT /api/plans/${planId}/${verb}`, body)).status).toBe(200)
})

test.for(['resources', 'annotations', 'serviceaccount'])(
  'PUT %s: of an unknown plan is 404, also when it changes nothing',
  async (verb, { ask }) => {
    for (const body of ['{}', 'null'])
      expectError(await ask(`PUT /api/plans/${nobody}/${verb}`, body), 404, 'not found')
  },
)

test('a change applies to data that is there already: it is nominated', async ({ ask, world }) => {
  const { text, query } = ownTag()
  await makeData(world, text)
  const { planId } = (await ask('POST /api/plans', planSpec({ inputs: [input('/in', text)] })))
    .json as Plan
  const [task] = await world.sql`select from match_task where plan_id = ${planId}`
  expect(task).toBeDefined()
  expect((await ask(`GET /api/data?${query}`)).json).toHaveLength(1)
})
