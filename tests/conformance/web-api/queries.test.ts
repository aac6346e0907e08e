import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { makeRun } from '#tests/support/runs.ts'
import { expectError, ownTag, test } from './wire.ts'

const text = encodeURIComponent

const accepted: [row: string, query: string][] = [
  ['tag', '/api/data?tag=a:b&tag=c:d'],
  ['tag: both sides are trimmed', `/api/data?tag=${text(' a : b ')}`],
  ['tag: key and value may be empty', '/api/data?tag=:&tag=k:&tag=:v'],
  ['in_tag, out_tag', '/api/plans?in_tag=a:b&in_tag=c:d&out_tag=e:f'],
  ['plan: a list', `/api/runs?plan=${randomUUID()},${randomUUID()}`],
  ['plan: what is no id finds nothing', '/api/runs?plan=nonsense'],
  ['knitIdInput', `/api/runs?knitIdInput=${randomUUID()}`],
  ['knitIdOutput', `/api/runs?knitIdOutput=${randomUUID()},x`],
  [
    'status: all but invalidated',
    '/api/runs?status=deactivated,waiting,ready,starting,running,completing,aborting,done,failed',
  ],
  ['since: Z', '/api/runs?since=2026-01-02T03:04:05Z'],
  ['since: an offset', '/api/data?since=2026-01-02T03:04:05%2B09:00'],
  ['since: a fraction of any length', '/api/runs?since=2026-01-02T03:04:05.123456789Z'],
  ['since: a comma before the fraction', '/api/runs?since=2026-01-02T03:04:05,5Z'],
  ['since: year 0001', '/api/runs?since=0001-01-01T00:00:00Z'],
  ...['300ms', '1.5h', '24h0m0s', text('1µs'), '-1h', '0', '%2B5s', '.5s', '1us', '9ns'].map(
    (duration): [string, string] => [
      `duration: ${decodeURIComponent(duration)}`,
      `/api/runs?since=2026-01-02T03:04:05Z&duration=${duration}`,
    ],
  ),
  ['active: true', '/api/plans?active=true'],
  ['active: false', '/api/plans?active=false'],
  ['image', '/api/plans?image=host:5000/a/b:1'],
  ['image: no tag', '/api/plans?image=a/b'],
  ...['since', 'duration', 'status', 'plan', 'knitIdInput', 'knitIdOutput'].map(
    (name): [string, string] => [`${name}: empty is absent`, `/api/runs?${name}=`],
  ),
  ['active, image: empty is absent', '/api/plans?active=&image='],
  ['an unknown parameter', '/api/runs?none=such'],
]

test.for(accepted)('%s is taken', async ([, query], { ask }) => {
  const reply = await ask(`GET ${query}`)
  expect({ status: reply.status, text: reply.text.slice(0, 300) }).toMatchObject({ status: 200 })
})

const refused: [row: string, query: string][] = [
  ['tag: no colon', '/api/data?tag=none'],
  ['tag: empty', '/api/data?tag='],
  ['in_tag: empty', '/api/plans?in_tag='],
  ['out_tag: no colon', '/api/plans?out_tag=none'],
  ['status: invalidated', '/api/runs?status=invalidated'],
  ['status: an empty element', '/api/runs?status=done,,failed'],
  ['status: an empty element at the end', '/api/runs?status=done,'],
  ['status: elements are not trimmed', '/api/runs?status=done,%20failed'],
  ['plan: an empty element', '/api/runs?plan=a,,b'],
  ['knitIdInput: an empty element', '/api/runs?knitIdInput=,a'],
  ['knitIdOutput: an empty element', '/api/runs?knitIdOutput=a,'],
  ['since: a date alone', '/api/runs?since=2026-01-02'],
  ['since: a space for the T', '/api/runs?since=2026-01-02%2003:04:05Z'],
  ['since: no offset', '/api/data?since=2026-01-02T03:04:05'],
  ['since: a small t', '/api/runs?since=2026-01-02t03:04:05Z'],
  ['since: a small z', '/api/runs?since=2026-01-02T03:04:05z'],
  ['since: a + that was not encoded', '/api/runs?since=2026-01-02T03:04:05+09:00'],
  ['since: no seconds', '/api/runs?since=2026-01-02T03:04Z'],
  ...['5', '1d', '1h1', 'h', '9999999h'].map((duration): [string, string] => [
    `duration: ${duration}`,
    `/api/runs?since=2026-01-02T03:04:05Z&duration=${duration}`,
  ]),
  ['duration: a bad one without since', '/api/data?duration=1d'],
  ['duration: a good one without since', '/api/runs?duration=1h'],
  ['active: anything else', '/api/plans?active=1'],
  ['image: no name', '/api/plans?image=:v1'],
  ['image: no name behind the host', '/api/plans?image=host/'],
]

test.for(refused)('%s is 400', async ([, query], { ask }) => {
  expectError(await ask(`GET ${query}`), 400, 'bad request')
})

const idsIn = (things: object[], id: string) =>
  things.map((thing) => (thing as Record<string, string>)[id])

test('tag: all of them must hold', async ({ ask, world }) => {
  const { text: tag, query } = ownTag()
  const both = await makeData(world, tag, 'and:1')
  await makeData(world, tag)
  expect(idsIn((await ask(`GET /api/data?${query}&tag=and:1`)).json, 'knitId')).toEqual([both])
})

test('plan, status: any of a list, and all of the parameters', async ({ ask, world }) => {
  const [done, failed] = [
    await makeRun(world, { status: 'done' }),
    await makeRun(world, { status: 'failed' }),
  ]
  const both = `plan=${done.planId},${failed.planId}`
  expect(idsIn((await ask(`GET /api/runs?${both}`)).json, 'runId')).toHaveLength(2)
  const one = await ask(`GET /api/runs?${both}&status=waiting,done`)
  expect(idsIn(one.json, 'runId')).toEqual([done.runId])
})

test.for(['plan', 'status', 'knitIdInput', 'knitIdOutput'] as const)(
  '%s: of a parameter that is repeated the first counts',
  async (name, { ask, world }) => {
    const done = await makeRun(world, { status: 'done' })
    const failed = await makeRun(world, { status: 'failed' })
    const values = (run: typeof done, status: string) => ({
      plan: run.planId,
      status,
      knitIdInput: run.inputs[0],
      knitIdOutput: run.outputs[0],
    })
    const [first, second] = [values(done, 'done')[name], values(failed, 'failed')[name]]
    const both = `plan=${done.planId},${failed.planId}`
    // The plans of both, unless it is they that are asked for.
    const rest = name === 'plan' ? '' : `&${both}`
    const found = async (...given: unknown[]) => {
      const query = given.map((value) => `${name}=${String(value)}`).join('&')
      return idsIn((await ask(`GET /api/runs?${query}${rest}`)).json, 'runId')
    }
    expect(await found(first, second)).toEqual([done.runId])
    expect(await found(second, first)).toEqual([failed.runId])
  },
)

test.for(['data', 'runs'])(
  'since, duration of %s: of a parameter that is repeated the first counts',
  async (list, { ask }) => {
    const since = '2026-01-02T03:04:05Z'
    const status = async (query: string) => (await ask(`GET /api/${list}?${query}`)).status
    expect(await status(`since=${since}&since=never`)).toBe(200)
    expect(await status(`since=never&since=${since}`)).toBe(400)
    expect(await status(`since=${since}&duration=1s&duration=x`)).toBe(200)
    expect(await status(`since=${since}&duration=x&duration=1s`)).toBe(400)
  },
)

test('knitIdInput: on any input; knitIdOutput: on any output or the log', async ({
  ask,
  world,
}) => {
  const run = await makeRun(world, { status: 'done' })
  for (const knitId of run.outputs)
    expect(idsIn((await ask(`GET /api/runs?knitIdOutput=${knitId}`)).json, 'runId')).toEqual([
      run.runId,
    ])
  expect(idsIn((await ask(`GET /api/runs?knitIdInput=${run.inputs[0]}`)).json, 'runId')).toEqual([
    run.runId,
  ])
})

test('since, duration: the window has its first moment and not its last', async ({
  ask,
  world,
}) => {
  const { runId, planId } = await makeRun(world, { status: 'done' })
  await world.sql`update run set updated_at = '2026-03-03T03:03:03Z' where id = ${runId}`
  const count = async (window: string) =>
    ((await ask(`GET /api/runs?plan=${planId}&${window}`)).json as object[]).length
  expect(await count('since=2026-03-03T03:03:03Z')).toBe(1)
  expect(await count('since=2026-03-03T03:03:03.001Z')).toBe(0)
  expect(await count('since=2026-03-03T03:03:02Z&duration=1s')).toBe(0)
  expect(await count('since=2026-03-03T03:03:02Z&duration=1001ms')).toBe(1)
})

test('active: compares the flag; built-in plans are always active', async ({ ask, world }) => {
  await makePlan(world, { inputs: { '/in': ['a:1'] } }, { active: false })
  const names = async (query: string) =>
    idsIn((await ask(`GET /api/plans?${query}`)).json, 'name')
      .filter(Boolean)
      .sort()
  expect(await names('active=true')).toEqual(['knit#imported', 'knit#uploaded'])
  expect(await names('active=false')).toEqual([])
  expect(await names('image=example.test/plan')).toEqual([])
})

test('image: as it is stored, with any tag or the one that is given', async ({ ask }) => {
  for (const tag of ['1', '2'])
    await ask('POST /api/plans', {
      image: `docker.io/query/image:${tag}`,
      inputs: [{ path: '/in', tags: ['a:1'] }],
    })
  const count = async (image: string) =>
    ((await ask(`GET /api/plans?image=${image}`)).json as object[]).length
  expect(await count('docker.io/query/image')).toBe(0)
  expect(await count('index.docker.io/query/image')).toBe(2)
  expect(await count('index.docker.io/query/image:2')).toBe(1)
})

test('in_tag, out_tag: some single input, or output or log, has all of them; unknown ones find nothing', async ({
  ask,
  world,
}) => {
  const { text: tag } = ownTag()
  const [own, tags] = [`in_tag=${text(tag)}`, [tag, 'in:1']]
  const inputs = { '/a': tags, '/b': ['in:2'] }
  const planId = await makePlan(world, { inputs, log: ['out:1', 'out:2'] })
  const found = async (query: string) =>
    idsIn((await ask(`GET /api/plans?${query}`)).json, 'planId')
  expect(await found(`${own}&in_tag=in:1`)).toEqual([planId])
  expect(await found(`${own}&in_tag=in:2`)).toEqual([])
  expect(await found(`${own}&out_tag=out:1&out_tag=out:2`)).toEqual([planId])
  expect(await found(`${own}&in_tag=never:used`)).toEqual([])
  expect(await found('in_tag=never:used')).toEqual([])
})
