import { expect } from 'vitest'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { makeRun } from '#tests/support/runs.ts'
import { expectError, nobody, ownTag, planSpec, test } from './wire.ts'

const quantities: [given: unknown, shown: string][] = [
  ['0.5', '500m'],
  [0.5, '500m'],
  ['2.5', '2500m'],
  ['1000', '1k'],
  [1000, '1k'],
  ['1000m', '1'],
  ['1024Mi', '1Gi'],
  ['3.5Gi', '3584Mi'],
  ['0.5Ki', '512'],
  ['1e3', '1e3'],
  ['12E2', '1200'],
  [' 1', '1'],
  ['007', '7'],
  ['+5', '5'],
  ['5.', '5'],
  ['-1', '-1'],
  ['1.0000000001', '1000000001n'],
  [null, '0'],
]

test.for(quantities)('quantity: %j is shown as %s', async ([given, shown], { ask, world }) => {
  const { planId } = await makeRun(world)
  const change = { set: { any: given } }
  const { json } = await ask(`PUT /api/plans/${planId}/resources`, change)
  expect(json).toMatchObject({ resources: { any: shown } })
})

test.for([
  ['1000', '1k'],
  ['1e3', '1e3'],
  ['1E+3', '1e3'],
  ['12E2', '1200'],
  ['-1e3', '-1e3'],
  ['2.50', '2500m'],
  ['1e-7', '100e-9'],
  ['0.0000000001', '1n'],
  ['9007199254740993', '9007199254740993'],
  ['1000000000000000000', '1E'],
])(
  'quantity: the JSON number %s is shown as %s, which is of its own family, as the same text is',
  async ([given = '', shown], { ask, world }) => {
    const { planId } = await makeRun(world)
    const path = `PUT /api/plans/${planId}/resources`
    const { json } = await ask(path, `{"SET": {"number": ${given}, "text": "${given}"}}`)
    expect(json).toMatchObject({ resources: { number: shown, text: shown } })
    const spec = JSON.stringify(planSpec({ resources: { any: 'here' } })).replace('"here"', given)
    const made = await ask('POST /api/plans', spec)
    expect(made.json).toMatchObject({ resources: { any: shown } })
  },
)

test.for(['K', 'GB', '1K', '1GB', '', ' ', true, {}, []])(
  'quantity: %j is 400',
  async (given, { ask, world }) => {
    const { planId } = await makeRun(world)
    const change = { set: { any: given } }
    expectError(await ask(`PUT /api/plans/${planId}/resources`, change), 400, 'bad request')
    expectError(
      await ask('POST /api/plans', planSpec({ resources: change.set })),
      400,
      'bad request',
    )
  },
)

test('resources: names are any text, shown sorted', async ({ ask }) => {
  const spec = planSpec({ resources: { 'z.test/gpu': 1, '': 2, 'A b': 3 } })
  const { resources } = (await ask('POST /api/plans', spec)).json as { resources: object }
  expect(Object.keys(resources)).toEqual(['', 'A b', 'cpu', 'memory', 'z.test/gpu'])
})

test.for([
  ['web.test/x', 'web.test/x:latest'],
  ['web.test/x:', 'web.test/x:latest'],
  ['web.test:5000/x/y', 'web.test:5000/x/y:latest'],
  ['web.test:5000/x/y:V1_0-a.b', 'web.test:5000/x/y:V1_0-a.b'],
  ['xy', 'xy:latest'],
  ['name/of/many/parts:1', 'name/of/many/parts:1'],
  ['docker.io/name', 'index.docker.io/library/name:latest'],
  ['docker.io/some/name:1', 'index.docker.io/some/name:1'],
  ['index.docker.io/name:1', 'index.docker.io/name:1'],
])('image: %s is shown as %s', async ([image = '', shown], { ask }) => {
  const inputs = [{ path: '/in', tags: [ownTag().text] }]
  expect((await ask('POST /api/plans', { image, inputs })).json).toMatchObject({ image: shown })
})

// The last four are names that no registry could have.
test.for([
  'x',
  'Upper/case:1',
  'some/name@sha256:0123',
  'some/name:1:2',
  `some/name:${'t'.repeat(129)}`,
  `some/${'n'.repeat(251)}:1`,
  'some/na me:1',
  '/x/y:v1',
  'host//x:v1',
  'host/x/:v1',
  'https://host/x:v1',
])('image: %s is 400', async (image, { ask }) => {
  expectError(await ask('POST /api/plans', planSpec({ image })), 400, 'bad request')
})

const at = (path: string) => ({ path, tags: ['a:b'] })

test.for([
  ['/in//', /bad mountpoint path/],
  ['/', /bad mountpoint path/],
  ['/in/../up', /bad mountpoint path/],
  ['/in/./x', /bad mountpoint path/],
  ['in', /bad mountpoint path/],
  ['/in\0', /bad mountpoint path/],
] as const)('path: an input at %j is 400', async ([path, why], { ask }) => {
  const reply = await ask('POST /api/plans', planSpec({ inputs: [at(path)], outputs: [] }))
  expectError(reply, 400, 'bad request')
  expect(reply.json).toMatchObject({ message: expect.stringMatching(why) })
})

test('path: an output at / overlaps all there is', async ({ ask }) => {
  const reply = await ask('POST /api/plans', planSpec({ outputs: [{ path: '/', tags: [] }] }))
  expectError(reply, 400, 'bad request')
  expect(reply.text).toContain('mountpoints are overlapped')
})

test.for([
  ['key without a name', 'vendor.test/=a'],
  ['prefix that is no name of a host', 'ven_dor/gpu=a'],
  ['prefix of more than 253', `${'p.'.repeat(127)}p/gpu=a`],
  ['name of more than 63', `${'n'.repeat(64)}=a`],
  ['key with blanks around', ' gpu =a'],
])('on_node: a %s is 400', async ([, label], { ask }) => {
  const reply = await ask('POST /api/plans', planSpec({ on_node: { prefer: [label] } }))
  expectError(reply, 400, 'bad request')
  expect(reply.text).toContain('on_node: invalid key')
})

test.for([
  ['no value', 'gpu='],
  ['a value of more than 63', `gpu=${'v'.repeat(64)}`],
  ['a value that ends in a dash', 'gpu=a-'],
])('on_node: %s is 400', async ([, label], { ask }) => {
  const reply = await ask('POST /api/plans', planSpec({ on_node: { may: [label] } }))
  expectError(reply, 400, 'bad request')
  expect(reply.text).toContain('on_node: invalid value')
})

test.for(['short', `${nobody}x`, nobody.toUpperCase(), 'x'.repeat(40)])(
  'knit#id of an input: %s is 400, as no data could ever have it',
  async (id, { ask }) => {
    const inputs = [{ path: '/in', tags: [`knit#id:${id}`] }]
    expectError(await ask('POST /api/plans', planSpec({ inputs })), 400, 'bad request')
  },
)

test('knit#timestamp of an input: what was shown of data is what they fit', async ({
  ask,
  world,
}) => {
  const { text, query } = ownTag()
  await makeData(world, text)
  const [data] = (await ask(`GET /api/data?${query}`)).json as { tags: string[] }[]
  const stamp = data?.tags.find((tag) => tag.startsWith('knit#timestamp:')) ?? ''
  const other = 'knit#timestamp:2020-01-02T03:04:05+00:00'
  const fits = async (tag: string) => {
    const planId = await makePlan(world, { inputs: { '/in': [text, tag] } })
    const plans = (await ask(`GET /api/plans?dryRun&in_tag=${encodeURIComponent(text)}`)).json as {
      planId: string
      dryRun: { inputs: { fits: number }[] }
    }[]
    return plans.find((plan) => plan.planId === planId)?.dryRun.inputs[0]?.fits
  }
  expect([await fits(stamp), await fits(other)]).toEqual([1, 0])
})

test('backslashes and quotes in paths, args and annotations come back as they were', async ({
  ask,
}) => {
  const odd = 'a\\b"c\\u0041'
  const spec = planSpec({ inputs: [at(`/in/${odd}`)], args: [odd], annotations: [`k=${odd}`] })
  const { planId } = (await ask('POST /api/plans', spec)).json as { planId: string }
  expect((await ask(`GET /api/plans/${planId}`)).json).toMatchObject({
    inputs: [{ path: `/in/${odd}` }],
    args: [odd],
    annotations: [`k=${odd}`],
  })
})

test('annotations and labels are split at the first =, of which only annotations are trimmed', async ({
  ask,
}) => {
  const { json } = await ask('POST /api/plans', planSpec({ annotations: [' k = a=b ', '=', 'k='] }))
  expect(json).toMatchObject({ annotations: ['=', 'k=', 'k=a=b'] })
  const spaced = planSpec({ on_node: { must: ['gpu= a'] } })
  expect((await ask('POST /api/plans', spaced)).text).toContain('on_node: invalid value')
})
