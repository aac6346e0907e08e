import { expect } from 'vitest'
import type { PlanDetail } from '#shared/domain/plan.ts'
import { answer, ask, refusal, test } from '#tests/support/api.ts'
import type { TestWorld } from '#tests/support/world.ts'
import apply from './function.ts'

const path = '/api/plans'
let made = 0

/** A spec that differs from all others, and is right but for what is changed. */
function spec(changes: object = {}): object {
  made += 1
  return {
    image: `example.test/apply:${made}`,
    inputs: [{ path: '/in', tags: [`apply:${made}`] }],
    outputs: [{ path: '/out', tags: [] }],
    ...changes,
  }
}

const register = (ctx: TestWorld, body: unknown) => answer<PlanDetail>(apply, ctx, path, { body })

const refused = (ctx: TestWorld, body: unknown) =>
  refusal(apply, ctx, path, 'bad-request', { body })

const inputs = (...paths: string[]) => paths.map((at) => ({ path: at, tags: ['a:b'] }))

const countPlans = async ({ sql }: TestWorld) => {
  const [row] = await sql<{ count: number }[]>`select count(*)::integer as count from plan`
  return row?.count
}

test('a plan is shown as it was registered: canonical, sorted, with defaults filled in', async ({
  ctx,
}) => {
  const body = {
    unknown: { keys: ['are', 'ignored'] },
    logs: 'an old key that nobody reads',
    service_account: 'trainer',
    resources: { 'nvidia.com/gpu': 1, memory: '1024Mi', ephemeral: '0.5', cpu: 2.5 },
    on_node: { must: ['zone=b', 'zone=a'], prefer: [], may: ['Vendor.example/gpu_type.x=A-1'] },
    log: { tags: ['type:log', 'a:1', 'a:1'] },
    outputs: [
      { path: '/out/model/', tags: ['type:model', 'type:model'] },
      { path: '/out/a', tags: null },
    ],
    inputs: [
      { path: '/in/z', tags: [{ key: 'k', value: 'v:w' }, 'b:2', ' a : 1 '] },
      { path: '/in/a', tags: ['project:x'] },
    ],
    args: ['--epochs', '10', '<&>'],
    entrypoint: ['python', '-u', 'main.py'],
    image: 'docker.io/trainer',
    annotations: ['z=1', 'a = b = c ', 'a=0', 'z=1'],
    active: null,
  }
  const shown = await register(ctx, body)
  expect(shown).toEqual({
    planId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    image: 'index.docker.io/library/trainer:latest',
    entrypoint: ['python', '-u', 'main.py'],
    args: ['--epochs', '10', '<&>'],
    annotations: ['a=0', 'a=b = c', 'z=1'],
    inputs: [
      { path: '/in/z', tags: ['a:1', 'b:2', 'k:v:w'], upstreams: [] },
      { path: '/in/a', tags: ['project:x'], upstreams: [] },
    ],
    outputs: [
      { path: '/out/model', tags: ['type:model'], downstreams: [] },
      { path: '/out/a', tags: [], downstreams: [] },
    ],
    log: { tags: ['a:1', 'type:log'], downstreams: [] },
    active: true,
    on_node: { may: ['Vendor.example/gpu_type.x=A-1'], must: ['zone=a', 'zone=b'] },
    resources: { cpu: '2500m', ephemeral: '500m', memory: '1Gi', 'nvidia.com/gpu': '1' },
    service_account: 'trainer',
  })
  expect(Object.keys(shown)).toEqual([
    'planId',
    'image',
    'entrypoint',
    'args',
    'annotations',
    'inputs',
    'outputs',
    'log',
    'active',
    'on_node',
    'resources',
    'service_account',
  ])
  expect(Object.keys(shown.resources ?? {})).toEqual([
    'cpu',
    'ephemeral',
    'memory',
    'nvidia.com/gpu',
  ])
})

test('what is absent or empty is not shown, but for inputs, outputs, active and resources', async ({
  ctx,
}) => {
  const body = {
    image: 'example.test/least:1',
    inputs: inputs('/in'),
    entrypoint: [],
    args: null,
    annotations: [],
    outputs: null,
    log: null,
    on_node: { may: [], prefer: null },
    service_account: '',
    resources: null,
  }
  const { planId, ...shown } = await register(ctx, body)
  expect(shown).toEqual({
    image: 'example.test/least:1',
    inputs: [{ path: '/in', tags: ['a:b'], upstreams: [] }],
    outputs: [],
    active: true,
    resources: { cpu: '1', memory: '1Gi' },
  })
  const [history] = await ctx.sql`select type, data from outbox where subject = ${planId}`
  expect(history).toEqual({ type: 'plan.registered', data: { planId } })
  expect(await ctx.sql`select from match_task where plan_id = ${planId}`).toHaveLength(1)
})

test('a log without tags is one, and active can be false', async ({ ctx }) => {
  expect(await register(ctx, spec({ log: {}, active: false }))).toMatchObject({
    log: { tags: [], downstreams: [] },
    active: false,
  })
})

test.for([
  ['application/json', 200],
  ['APPLICATION/JSON', 200],
  ['application/json; charset=utf-8', 200],
  ['text/plain', 400],
  ['application/json5', 400],
  ['application/x-www-form-urlencoded', 400],
  ['', 400],
] as [string, number][])(
  'the content type "%s" is answered with %i',
  async ([type, status], { ctx }) => {
    const body = spec()
    const headers = { 'content-type': type }
    if (status === 200) expect((await ask(apply, ctx, path, { body, headers })).status).toBe(200)
    else
      expect(await refusal(apply, ctx, path, 'bad-request', { body, headers })).toContain(
        'application/json',
      )
  },
)

test.for([
  ['nothing', ''],
  ['a broken document', '{"image": "a/b:1", '],
  ['a document of another kind', '[]'],
  ['a number', '1'],
  ['an image that is a number', { image: 1 }],
  ['inputs that are no list', { inputs: { path: '/in' } }],
  ['an input without path', { inputs: [{ tags: ['a:b'] }] }],
  ['a tag without colon', { inputs: [{ path: '/in', tags: ['nocolon'] }] }],
  ['a tag object without value', { inputs: [{ path: '/in', tags: [{ key: 'a' }] }] }],
  ['a tag object with a null', { outputs: [{ path: '/o', tags: [{ key: 'a', value: null }] }] }],
  ['an annotation without equals sign', { annotations: ['none'] }],
  ['a label without equals sign', { on_node: { must: ['none'] } }],
  ['args that are text', { args: 'a b' }],
  ['active as text', { active: 'true' }],
  ['a quantity that is none', { resources: { cpu: '1 core' } }],
  ['an empty quantity', { resources: { cpu: '' } }],
  ['a quantity with K', { resources: { memory: '5K' } }],
  ['a quantity in GB', { resources: { memory: '5GB' } }],
  ['a quantity that is true', { resources: { cpu: true } }],
  ['a quantity that is an object', { resources: { cpu: {} } }],
  ['a time that is none', { inputs: [{ path: '/in', tags: ['knit#timestamp:yesterday'] }] }],
  ['a transience that is none', { inputs: [{ path: '/in', tags: ['knit#transient:maybe'] }] }],
] as [string, string | object][])('%s cannot be understood: 400', async ([, change], { ctx }) => {
  const before = await countPlans(ctx)
  const body = typeof change === 'string' ? change : spec(change)
  expect(await refused(ctx, body)).toContain('can not understand the requested json')
  expect(await countPlans(ctx)).toBe(before)
})

test('what cannot be understood is named, with where it is', async ({ ctx }) => {
  const tags = (at: string) => [{ path: at, tags: ['fine:1', 'nocolon'] }]
  expect(await refused(ctx, spec({ inputs: tags('/in') }))).toMatch(/inputs\.0\.tags\.1.*"nocolon"/)
  expect(await refused(ctx, spec({ log: { tags: ['x'] } }))).toMatch(/log\.tags\.0.*"x"/)
  expect(await refused(ctx, spec({ annotations: ['x'] }))).toMatch(/annotations\.0.*"x" has no "="/)
  expect(await refused(ctx, spec({ resources: { cpu: 'much' } }))).toMatch(/resources\.cpu.*"much"/)
})

// Each has also the faults of all that come after it, so that it is the first that is told.
const faults: [string, object, RegExp][] = [
  ['a label key', { on_node: { must: ['-bad=x'], prefer: ['ok= bad'] } }, /^on_node: invalid key/],
  ['a label value', { on_node: { prefer: ['ok= bad'] } }, /^on_node: invalid value/],
  ['no image', { image: '' }, /^nameless or versionless image/],
  ['no input', { inputs: [] }, /^unreachable plan/],
  [
    'an empty path',
    { inputs: inputs('/a/../b', ''), outputs: [{ path: '', tags: [] }] },
    /^bad mountpoint path/,
  ],
  ['an unclean input path', { inputs: [{ path: '/a/../b', tags: [] }] }, /^bad mountpoint path/],
  ['an input without tags', { inputs: [{ path: '/in', tags: [] }] }, /^bad tag/],
  [
    'an unclean output path',
    { outputs: [{ path: 'out', tags: ['knit#id:1'] }] },
    /^bad mountpoint path/,
  ],
  ['a system tag on an output', { outputs: [{ path: '/out', tags: ['knit#id:1'] }] }, /^bad tag/],
  ['a system tag on the log', { log: { tags: ['knit#x:1'] } }, /^bad tag/],
]

test.for(faults.map((fault, index) => [fault[0], index] as const))(
  'of several faults the first in order is told: %s',
  async ([, index], { ctx }) => {
    const rest = faults.slice(index).toReversed()
    const body = Object.assign(spec(), ...rest.map(([, change]) => change)) as object
    expect(await refused(ctx, body)).toMatch(faults[index]?.[2] ?? /never/)
  },
)

test.for([
  [
    'of inputs, the one whose path is first, whatever is wrong with it',
    { inputs: [{ path: '/b', tags: [] }, ...inputs('/a/../b')] },
    /^bad mountpoint path.*\/a\/\.\.\/b/,
  ],
  [
    'an overlap of the first input before the tags of the next',
    { inputs: [{ path: '/b', tags: [] }, ...inputs('/a', '/a/b')] },
    /^mountpoints are overlapped/,
  ],
  [
    'an overlap with an output before what else is wrong with that',
    { inputs: inputs('/a'), outputs: [{ path: '/a/b', tags: ['knit#id:1'] }] },
    /^mountpoints are overlapped/,
  ],
  [
    'an input before an output, whatever their paths',
    { inputs: inputs('/z/./z'), outputs: [{ path: 'a', tags: [] }] },
    /^bad mountpoint path.*\/z\/\.\/z/,
  ],
  [
    'the root as an output contains every input',
    { inputs: inputs('/in'), outputs: [{ path: '/', tags: [] }] },
    /^mountpoints are overlapped/,
  ],
  ['the root as an input is no path', { inputs: inputs('/') }, /^bad mountpoint path/],
] as [string, object, RegExp][])(
  'faults of mount points are told in the order of paths: %s',
  async ([, change, fault], { ctx }) => {
    expect(await refused(ctx, spec(change))).toMatch(fault)
  },
)

test('an image that cannot be read is told before anything else is looked at', async ({ ctx }) => {
  const body = spec({ image: 'UPPER/case:1', on_node: { must: ['-bad=x'] }, inputs: [] })
  expect(await refused(ctx, body)).toMatch(/UPPER\/case/)
})

test.for([
  ['a/b', 'a/b:latest'],
  ['a/b:', 'a/b:latest'],
  ['host:5000/a', 'host:5000/a:latest'],
  ['host:5000/a:v_1.2-x', 'host:5000/a:v_1.2-x'],
  ['docker.io/a', 'index.docker.io/library/a:latest'],
  ['docker.io/a/b:1', 'index.docker.io/a/b:1'],
  ['localhost/a:1', 'localhost/a:1'],
] as [string, string][])('the image %s is shown as %s', async ([image, shown], { ctx }) => {
  expect(await register(ctx, spec({ image }))).toMatchObject({ image: shown })
})

test.for([
  'a',
  'Upper/case:1',
  'a/b@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef',
  ':v1',
  'a/b:v 1',
  `a/b:${'x'.repeat(129)}`,
  'x'.repeat(256),
  'a/b:1\0',
])('the image %j is refused', async (image, { ctx }) => {
  await refused(ctx, spec({ image }))
})

test.for([
  ['0.5', '500m'],
  ['2.5', '2500m'],
  ['1000', '1k'],
  ['1000m', '1'],
  ['1024Mi', '1Gi'],
  ['3.5Gi', '3584Mi'],
  ['0.5Ki', '512'],
  ['1e3', '1e3'],
  ['12E2', '1200'],
  [' 1', '1'],
  ['-1', '-1'],
  ['0.0000000001', '1n'],
  [1, '1'],
  [0.1, '100m'],
  [null, '0'],
] as [string | number | null, string][])(
  'the quantity %j is shown as %s',
  async ([given, shown], { ctx }) => {
    const plan = await register(ctx, spec({ resources: { cpu: given } }))
    expect(plan.resources).toEqual({ cpu: shown, memory: '1Gi' })
  },
)

test.for([
  'in',
  './in',
  '/in/../x',
  '/in/./x',
  '/in//x',
  '/in//',
  '/',
  '//',
  '..',
  '/in\0',
  `/${'x/'.repeat(2100)}x`,
])('the path %j is refused, for an input and for an output', async (bad, { ctx }) => {
  expect(await refused(ctx, spec({ inputs: inputs(bad) }))).toMatch(/^bad mountpoint path/)
  // The root would contain any input, which is told first.
  if (bad === '/') return
  const outputs = [{ path: bad, tags: [] }]
  expect(await refused(ctx, spec({ inputs: inputs('/else'), outputs }))).toMatch(
    /^bad mountpoint path/,
  )
})

test('a path of odd signs is fine and comes back as it was', async ({ ctx }) => {
  const odd = '/in/quo"te\\back/日本 語/a:b/...'
  expect(await register(ctx, spec({ inputs: inputs(odd) }))).toMatchObject({
    inputs: [{ path: odd }],
  })
})

test.for([[['/in', '/in']], [['/in', '/in/']], [['/in', '/in/a']], [['/in/a/b', '/in']]] as [
  string[],
][])('the paths %j overlap', async ([paths], { ctx }) => {
  expect(await refused(ctx, spec({ inputs: inputs(...paths) }))).toMatch(
    /^mountpoints are overlapped/,
  )
  const outputs = paths.map((at) => ({ path: at, tags: [] }))
  expect(await refused(ctx, spec({ outputs }))).toMatch(/^mountpoints are overlapped/)
  const [first = '', second = ''] = paths
  const mixed = spec({ inputs: inputs(first), outputs: [{ path: second, tags: [] }] })
  expect(await refused(ctx, mixed)).toMatch(/^mountpoints are overlapped/)
})

test('paths that only begin alike, and one like the place of the log, are fine', async ({
  ctx,
}) => {
  const paths = ['/in/1', '/in/10', '/data', '/data2', '/data-2/x', '/log']
  const outputs = [{ path: '/in/11', tags: [] }]
  const { inputs: shown } = await register(
    ctx,
    spec({ inputs: inputs(...paths), outputs, log: {} }),
  )
  expect(shown.map(({ path: at }) => at)).toEqual(paths)
})

test('an input may ask for one id and one time, and for nothing else of the system', async ({
  ctx,
}) => {
  const id = '01234567-89ab-cdef-0123-456789abcdef'
  const ask1 = (...tags: string[]) => spec({ inputs: [{ path: '/in', tags }] })
  const shown = await register(
    ctx,
    ask1(`knit#id:${id}`, 'knit#timestamp:2026-01-02T03:04:05.6789+09:00'),
  )
  expect(shown.inputs).toEqual([
    {
      path: '/in',
      tags: [`knit#id:${id}`, 'knit#timestamp:2026-01-01T18:04:05.678+00:00'],
      upstreams: [],
    },
  ])
  const same = ['knit#timestamp:2026-01-02T00:00:00Z', 'knit#timestamp:2026-01-02T09:00:00+09:00']
  const once = await register(ctx, ask1(...same, `knit#id:${id}`, `knit#id:${id}`))
  expect(once.inputs[0]?.tags).toEqual([
    `knit#id:${id}`,
    'knit#timestamp:2026-01-02T00:00:00+00:00',
  ])
  const two = ['knit#timestamp:2026-01-02T00:00:00Z', 'knit#timestamp:2026-01-03T00:00:00Z']
  expect(await refused(ctx, ask1(...two))).toMatch(/^bad tag/)
  expect(await refused(ctx, ask1('knit#id:a', 'knit#id:b'))).toMatch(/^bad tag/)
  expect(await refused(ctx, ask1('knit#transient:processing'))).toMatch(/^bad tag.*knit#transient/)
  expect(await refused(ctx, ask1('knit#other:1'))).toMatch(/^bad tag.*knit#other/)
  expect(await refused(ctx, ask1('knit#timestamp:0001-01-01T00:00:00+09:00'))).toMatch(/^bad tag/)
})

test.for([
  ['Vendor.example/Name.with_both-x', 'A.b_c-1'],
  [`${'a'.repeat(63)}.example/${'n'.repeat(63)}`, 'v'.repeat(63)],
] as [string, string][])('the label %s=%s is fine', async ([key, value], { ctx }) => {
  const shown = await register(
    ctx,
    spec({ on_node: { prefer: [`${key}=${value}`, `${key}=${value}`] } }),
  )
  expect(shown.on_node).toEqual({ prefer: [`${key}=${value}`] })
})

test.for([
  '=v',
  '-a=v',
  'a-=v',
  'a/b/c=v',
  '/a=v',
  'a/=v',
  `${'n'.repeat(64)}=v`,
  `${'p.'.repeat(127)}p/a=v`,
  ' a=v',
  'ä=v',
])('the label key of %j is refused', async (label, { ctx }) => {
  expect(await refused(ctx, spec({ on_node: { may: [label] } }))).toMatch(/^on_node: invalid key/)
})

test.for(['a=', 'a=-v', 'a=v.', 'a= v', `a=${'v'.repeat(64)}`, 'a=b=c'])(
  'the label value of %j is refused',
  async (label, { ctx }) => {
    expect(await refused(ctx, spec({ on_node: { must: [label] } }))).toMatch(
      /^on_node: invalid value/,
    )
  },
)

test('a service account that Kubernetes would not know is refused', async ({ ctx }) => {
  expect(await refused(ctx, spec({ service_account: 'No Such!' }))).toContain('No Such!')
  expect(await refused(ctx, spec({ service_account: 'x'.repeat(64) }))).toContain('63')
})

test('an equivalent plan is named in the 409, whatever was only written differently', async ({
  ctx,
}) => {
  const first = spec({
    inputs: [{ path: '/in/a', tags: ['x:1', 'y:2'] }, ...inputs('/in/b')],
    outputs: [
      { path: '/out/a', tags: ['o:1'] },
      { path: '/out/b', tags: [] },
    ],
    on_node: { must: ['a=1', 'b=2'] },
    log: { tags: ['l:1', 'l:2'] },
    entrypoint: ['run'],
    args: ['a', 'b'],
  }) as { image: string }
  const { planId } = await register(ctx, first)
  const same = [
    first,
    {
      ...first,
      image: `${first.image}`,
      inputs: [
        ...inputs('/in/b/'),
        { path: '/in/a', tags: ['y:2', { key: 'x', value: '1' }, 'x:1'] },
      ],
      outputs: [
        { path: '/out/b', tags: null },
        { path: '/out/a', tags: ['o:1'] },
      ],
      on_node: { must: ['b=2', 'a=1', 'a=1'] },
      log: { tags: ['l:2', 'l:1'] },
    },
    {
      ...first,
      resources: { cpu: 8 },
      service_account: 'other',
      annotations: ['a=b'],
      active: false,
    },
  ]
  for (const body of same)
    expect(await refusal(apply, ctx, path, 'plan-equivalent', { body })).toContain(planId)
  await ctx.sql`update plan set active = false where id = ${planId}`
  expect(await refusal(apply, ctx, path, 'plan-equivalent', { body: first })).toContain(planId)
})

test.for([
  ['image tag', { image: 'example.test/differs:2' }],
  ['order of args', { args: ['b', 'a'] }],
  ['no args', { args: [] }],
  ['args as entrypoint', { entrypoint: ['run', 'a', 'b'], args: [] }],
  ['one label', { on_node: { must: ['a=1'] } }],
  ['mode of a label', { on_node: { prefer: ['a=1', 'b=2'] } }],
  ['no log', { log: null }],
  ['tags of the log', { log: { tags: ['l:1'] } }],
  ['path of an output', { outputs: [{ path: '/elsewhere', tags: [] }] }],
  ['no output', { outputs: [] }],
  ['tag of an input', { inputs: [{ path: '/in', tags: ['differs:2'] }] }],
  [
    'knit#id of an input',
    {
      inputs: [
        { path: '/in', tags: ['differs:1', 'knit#id:01234567-89ab-cdef-0123-456789abcdef'] },
      ],
    },
  ],
] as [string, object][])(
  'two plans that differ in the %s are two',
  async ([what, change], { ctx }) => {
    const base = {
      image: 'example.test/differs:1',
      inputs: [{ path: '/in', tags: ['differs:1'] }],
      outputs: [{ path: '/out', tags: [] }],
      on_node: { must: ['a=1', 'b=2'] },
      log: { tags: ['l:1', 'l:2'] },
      entrypoint: ['run', what],
      args: ['a', 'b'],
    }
    const first = await register(ctx, base)
    const second = await register(ctx, { ...base, ...change })
    expect(second.planId).not.toBe(first.planId)
  },
)

test('a tag cannot be split in two ways that look equivalent', async ({ ctx }) => {
  const body = spec() as object
  const tagged = (tags: object[]) => ({ ...body, inputs: [{ path: '/in', tags }] })
  await register(ctx, tagged([{ key: 'a', value: 'b:c' }]))
  await register(
    ctx,
    tagged([
      { key: 'a', value: 'b' },
      { key: 'a', value: 'c' },
    ]),
  )
})

test('a plan whose output feeds its own input is refused, directly or through its log', async ({
  ctx,
}) => {
  const own = [{ path: '/in', tags: ['self:1'] }]
  const body = { inputs: own, outputs: [{ path: '/out', tags: ['self:1', 'more:1'] }] }
  await refusal(apply, ctx, path, 'plan-cycle', { body: spec(body) })
  const logged = { inputs: own, outputs: [], log: { tags: ['self:1'] } }
  await refusal(apply, ctx, path, 'plan-cycle', { body: spec(logged) })
  const before = await countPlans(ctx)
  const apart = { inputs: [{ path: '/in', tags: ['self:1', 'only:in'] }], outputs: body.outputs }
  await register(ctx, spec(apart))
  expect(await countPlans(ctx)).toBe((before ?? 0) + 1)
})

test('a plan that closes a cycle is refused and names the plan that would close it, also through an inactive plan', async ({
  ctx,
}) => {
  const step = (from: string, to: string, more: object = {}) =>
    spec({
      inputs: [{ path: '/in', tags: [from] }],
      outputs: [{ path: '/out', tags: [to, 'x:y'] }],
      ...more,
    })
  await register(ctx, step('ring:1', 'ring:2'))
  const second = await register(ctx, step('ring:2', 'ring:3', { active: false }))
  const says = await refusal(apply, ctx, path, 'plan-cycle', { body: step('ring:3', 'ring:1') })
  expect(says).toContain(second.planId)
  const pinned = step('ring:3', 'ring:1', {
    inputs: [{ path: '/in', tags: ['ring:3', 'knit#id:01234567-89ab-cdef-0123-456789abcdef'] }],
  })
  const { inputs: shown } = await register(ctx, pinned)
  expect(shown[0]?.upstreams).toEqual([])
})

test('of a long cycle every plan on the shortest way is named, in its order', async ({ ctx }) => {
  const step = (from: string, ...to: string[]) =>
    spec({
      inputs: [{ path: '/in', tags: [from] }],
      outputs: to.map((tag, index) => ({ path: `/out/${index}`, tags: [tag] })),
    })
  const [a, b, c] = [
    await register(ctx, step('long:1', 'long:2', 'long:aside')),
    await register(ctx, step('long:2', 'long:3')),
    await register(ctx, step('long:3', 'long:4')),
  ]
  await register(ctx, step('long:aside', 'long:further'))
  await register(ctx, step('long:further', 'long:4'))
  const says = await refusal(apply, ctx, path, 'plan-cycle', { body: step('long:4', 'long:1') })
  expect(says).toContain(`through the plan ${a.planId}, then `)
  const last = await refusal(apply, ctx, path, 'plan-cycle', { body: step('long:3', 'long:1') })
  expect(last).toContain(`through the plan ${a.planId}, then ${b.planId}.`)
  expect(last).not.toContain(c.planId)
})

test('a plan on the way that asks for one id breaks the cycle', async ({ ctx }) => {
  const id = 'knit#id:01234567-89ab-cdef-0123-456789abcdef'
  const step = (from: string[], to: string) =>
    spec({ inputs: [{ path: '/in', tags: from }], outputs: [{ path: '/out', tags: [to] }] })
  await register(ctx, step(['pin:1', id], 'pin:2'))
  await register(ctx, step(['pin:2'], 'pin:3'))
  await register(ctx, step(['pin:3'], 'pin:1'))
})

test('plans show what feeds them and what they feed, outputs and logs', async ({ ctx }) => {
  const source = await register(
    ctx,
    spec({
      outputs: [
        { path: '/out', tags: ['feed:1', 'extra:1'] },
        { path: '/no', tags: ['extra:1'] },
      ],
      log: { tags: ['feed:1'] },
    }),
  )
  const sink = await register(ctx, spec({ inputs: [{ path: '/in', tags: ['feed:1'] }] }))
  const plan = { planId: source.planId, image: source.image }
  expect(sink.inputs[0]?.upstreams).toHaveLength(2)
  expect(sink.inputs[0]?.upstreams).toEqual(
    expect.arrayContaining([
      { plan, mountpoint: { path: '/out', tags: ['extra:1', 'feed:1'] } },
      { plan, log: { tags: ['feed:1'] } },
    ]),
  )
  const { default: show } = await import('../plans-show/function.ts')
  const again = await answer<PlanDetail>(show, ctx, `${path}/${source.planId}`)
  const fed = [
    {
      plan: { planId: sink.planId, image: sink.image },
      mountpoint: { path: '/in', tags: ['feed:1'] },
    },
  ]
  expect(again.outputs.map(({ downstreams }) => downstreams)).toEqual([fed, []])
  expect(again.log?.downstreams).toEqual(fed)
})

test('of equivalent plans registered at the same time one is, and of a cycle not all', async ({
  ctx,
}) => {
  const body = spec()
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => ask(apply, ctx, path, { body })),
  )
  expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(7).fill(409)])
  const ring = ['r:1', 'r:2', 'r:3', 'r:4'].map((from, index, all) =>
    spec({
      inputs: [{ path: '/in', tags: [from] }],
      outputs: [{ path: '/out', tags: [all[(index + 1) % all.length]] }],
    }),
  )
  const closed = await Promise.all(ring.map((one) => ask(apply, ctx, path, { body: one })))
  expect(closed.map(({ status }) => status).sort()).toEqual([200, 200, 200, 409])
})

test('caps are named in the error: inputs, outputs, tags, bytes of a tag and of the plan', async ({
  ctx,
}) => {
  const many = (count: number) => Array.from({ length: count }, (_, index) => `many:${index}`)
  const paths = (count: number) => Array.from({ length: count }, (_, index) => `/in/${index}`)
  expect((await register(ctx, spec({ inputs: inputs(...paths(100)) }))).inputs).toHaveLength(100)
  expect(await refused(ctx, spec({ inputs: inputs(...paths(101)) }))).toMatch(/maxInputs.*100/)
  const outputs = paths(101).map((at) => ({ path: `/out${at}`, tags: [] }))
  expect(await refused(ctx, spec({ outputs }))).toMatch(/maxOutputs.*100/)
  const tagged = (tags: string[]) => spec({ inputs: [{ path: '/in', tags }] })
  expect((await register(ctx, tagged(many(100)))).inputs[0]?.tags).toHaveLength(100)
  expect(await refused(ctx, tagged(many(101)))).toMatch(/maxTags.*100/)
  expect((await register(ctx, tagged([...many(99), ...many(99)]))).inputs[0]?.tags).toHaveLength(99)
  expect(await refused(ctx, spec({ log: { tags: many(101) } }))).toMatch(/maxTags/)
  expect(await refused(ctx, tagged([`a:${'x'.repeat(4096)}`]))).toMatch(/maxTagBytes.*4096/)
  const body = JSON.stringify(spec({ args: ['x'.repeat(64 * 1024)] }))
  expect(await refusal(apply, ctx, path, 'too-large', { body })).toMatch(/maxPlanBytes/)
  const bytes = 64 * 1024
  const padded = JSON.stringify(spec())
  expect((await ask(apply, ctx, path, { body: padded.padEnd(bytes) })).status).toBe(200)
  const over = { body: padded.padEnd(bytes + 1), headers: { 'content-length': String(bytes + 1) } }
  await refusal(apply, ctx, path, 'too-large', over)
})

test('keys that mean something to JavaScript do no harm, and are kept where any name is allowed', async ({
  ctx,
}) => {
  const body = `{"image":"example.test/proto:1","__proto__":{"image":"evil:1"},"constructor":{"x":1},
    "inputs":[{"path":"/in","tags":["__proto__:1"],"__proto__":{"path":"/evil"}}],
    "resources":{"constructor":"1","toString":"2"},"annotations":["__proto__=polluted"],"args":["__proto__"]}`
  const shown = await register(ctx, body)
  expect(shown.image).toBe('example.test/proto:1')
  expect(shown.inputs).toMatchObject([{ path: '/in', tags: ['__proto__:1'] }])
  expect(shown.resources).toEqual({ constructor: '1', cpu: '1', memory: '1Gi', toString: '2' })
  expect(shown.annotations).toEqual(['__proto__=polluted'])
  const odd =
    '{"image":"example.test/proto:2","inputs":[{"path":"/in","tags":["a:b"]}],"resources":{"__proto__":"1"}}'
  expect((await ask(apply, ctx, path, { body: odd })).status).toBe(200)
  expect(({} as Record<string, unknown>)['image']).toBeUndefined()
})

test('text that cannot be stored is refused, not an error of the database', async ({ ctx }) => {
  expect(await refused(ctx, spec({ args: ['a\0b'] }))).toContain('NUL')
  expect(await refused(ctx, spec({ annotations: ['a=\0'] }))).toContain('NUL')
  expect(await refused(ctx, spec({ entrypoint: ['\ud800'] }))).toContain('Unicode')
  expect(await refused(ctx, spec({ resources: { 'a\0': 1 } }))).toContain('NUL')
})

test('numbers beyond all reason are no quantity, or the largest there is', async ({ ctx }) => {
  const { resources } = await register(
    ctx,
    spec({ resources: { cpu: 1e21, memory: '9'.repeat(60) } }),
  )
  expect(resources).toEqual({ cpu: '9223372036854775807', memory: '9223372036854775807' })
  await refused(ctx, spec({ resources: { cpu: '1e400' } }))
})

test('backslashes, quotes and newlines in args and annotations come back as they were', async ({
  ctx,
}) => {
  const args = ['a"b', 'c\\d', 'e\nf\r\n', '\u2028', '', ' ', '日本語']
  const shown = await register(ctx, spec({ args, annotations: ['k="\\'] }))
  expect(shown.args).toEqual(args)
  expect(shown.annotations).toEqual(['k="\\'])
})

test('a viewer may not register, and the trace of the caller is told with the plan', async ({
  ctx,
}) => {
  await refusal(apply, ctx, path, 'forbidden', { role: 'viewer', body: spec() })
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
  const headers = { traceparent: `00-${trace}-00f067aa0ba902b7-01` }
  const { body } = await ask<PlanDetail>(apply, ctx, path, { role: 'user', body: spec(), headers })
  const [told] = await ctx.sql`select traceparent from outbox where subject = ${body.planId}`
  expect(String(told?.['traceparent']).slice(3, 35)).toBe(trace)
})
