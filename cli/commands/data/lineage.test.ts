import { expect, test } from 'vitest'
import type { Lineage } from '#shared/domain/lineage.ts'
import { stubOfTheWire, unknownPath, type Seen } from '#shared/client/stub-of-the-wire.ts'
import { idOf, sampleData, sampleRun } from '#shared/client/wire-samples.ts'
import { knit, projectFor } from '../../testing.ts'

// u1 uploaded d1 and d2; t1 read both, the second one first, and wrote m1, n1 and its log l1.
const u1 = sampleRun('u1', { outputs: [['/upload', 'd1']] })
const u2 = sampleRun('u2', { outputs: [['/upload', 'd2']] })
const plan = { planId: idOf('p1'), image: 'reg.test/train:v1' }
const t1 = sampleRun(
  't1',
  {
    inputs: [
      ['/b', 'd2'],
      ['/a', 'd1'],
    ],
    outputs: [
      ['/z', 'n1'],
      ['/y', 'm1'],
    ],
    log: 'l1',
  },
  { plan },
)
const madeBy = (name: string, path?: string) => {
  const data = sampleData(name, t1, [], [`name:${name}`])
  const { run } = data.upstream
  const at = { tags: [], ...(path !== undefined && { path }) }
  return { ...data, upstream: path === undefined ? { log: at, run } : { mountpoint: at, run } }
}
const things = [
  sampleData('d1', u1, [t1]),
  sampleData('d2', u2, [t1]),
  madeBy('m1', '/y'),
  madeBy('n1', '/z'),
  madeBy('l1'),
]
const runs = [t1, u1, u2]

/** A server of the reference, which knows nothing but things one by one. */
function oneByOne({ url }: Seen) {
  const { pathname, searchParams } = new URL(url, 'http://h')
  const id = searchParams.get('tag')?.replace('knit#id:', '')
  if (pathname === '/api/data') return { json: things.filter(({ knitId }) => knitId === id) }
  const run = runs.find(({ runId }) => pathname === `/api/runs/${runId}`)
  return run ? { json: run } : unknownPath
}

const edge = (from: string, to: string, position: number, path?: string) => ({
  from: idOf(from),
  to: idOf(to),
  position,
  ...(path !== undefined && { path }),
})

/** All of it as one of ours tells it: by id. */
const told: Lineage = {
  id: idOf('m1'),
  data: things.map(({ knitId, tags }) => ({ knitId, tags })),
  runs: runs.map(({ runId, status, updatedAt, plan: { planId, image, name = '' } }) => ({
    runId,
    status,
    updatedAt,
    planId,
    plan: image ?? name,
  })),
  edges: [
    edge('u1', 'd1', 0, '/upload'),
    edge('u2', 'd2', 0, '/upload'),
    edge('t1', 'l1', 2),
    edge('t1', 'm1', 1, '/y'),
    edge('t1', 'n1', 0, '/z'),
    edge('d2', 't1', 0, '/b'),
    edge('d1', 't1', 1, '/a'),
  ],
}

const lineage = (words: string[], server: { apiRoot: string }) =>
  knit(['data', 'lineage', idOf('m1'), ...words], projectFor(server))

test.each([[], ['--numbers', 'all'], ['-n', '1'], ['-u'], ['-d'], ['--output', 'json']])(
  'data lineage %s draws what one request tells as what many do',
  async (...words) => {
    await using ours = await stubOfTheWire(() => ({ json: told }))
    await using reference = await stubOfTheWire(oneByOne)
    const [one, many] = [await lineage(words, ours), await lineage(words, reference)]
    expect(one).toEqual(many)
    expect(one.code).toBe(0)
    expect(ours.requests).toHaveLength(1)
  },
)

test.each([
  ['', 'direction=both&depth=3&besides=true'],
  ['-n all', 'direction=both&besides=true'],
  ['-u -n 1000', 'direction=up&depth=1000&besides=true'],
  ['-d -n 1001', 'direction=down&besides=true'],
])('data lineage %s asks for as much as it draws', async (words, query) => {
  await using stub = await stubOfTheWire(() => ({ json: told }))
  await lineage(words.split(' ').filter(Boolean), stub)
  expect(stub.requests.map(({ url }) => url)).toEqual([`/api/lineage/${idOf('m1')}?${query}`])
})

test('data lineage asks for part after part of what is too much for one answer', async () => {
  const { data, runs, edges } = told
  const parts = [
    { id: told.id, data, runs: [], edges: edges.slice(0, 5), after: idOf('n1') },
    { id: told.id, data: [], runs, edges: edges.slice(5) },
  ]
  await using whole = await stubOfTheWire(() => ({ json: told }))
  await using stub = await stubOfTheWire(() => ({ json: parts.shift() }))
  expect(await lineage([], stub)).toEqual(await lineage([], whole))
  expect(stub.requests[1]?.url).toContain(`&after=${idOf('n1')}`)
})

test('data lineage --output json names what is drawn, and what leads where', async () => {
  await using stub = await stubOfTheWire(() => ({ json: told }))
  const { stdout } = await lineage(['-u', '-n', '1', '--output', 'json'], stub)
  const { id, data, runs, edges } = JSON.parse(stdout)
  expect(id).toBe(idOf('m1'))
  expect(data.map(({ knitId }: { knitId: string }) => knitId)).toEqual(
    ['m1', 'n1', 'l1', 'd2', 'd1'].map(idOf),
  )
  expect(data[0]).toEqual({ knitId: idOf('m1'), tags: things[2]?.tags })
  const { runId, status, updatedAt } = t1
  expect(runs).toEqual([{ runId, status, updatedAt, planId: plan.planId, plan: plan.image }])
  expect(edges).toEqual([
    { from: idOf('t1'), to: idOf('n1'), path: '/z' },
    { from: idOf('t1'), to: idOf('m1'), path: '/y' },
    { from: idOf('t1'), to: idOf('l1') },
    { from: idOf('d2'), to: idOf('t1'), path: '/b' },
    { from: idOf('d1'), to: idOf('t1'), path: '/a' },
  ])
  const yaml = await lineage(['--output', 'yaml'], stub)
  expect(yaml.stdout).toMatch(/^id: 0/)
})

test('a data that is not there is told as that, whichever way it is asked for', async () => {
  const none = { code: 'thing-not-found', title: 'None', detail: 'There is nothing of that id.' }
  await using ours = await stubOfTheWire(() => ({ status: 404, json: none }))
  await using reference = await stubOfTheWire(({ url }) =>
    url.startsWith('/api/data') ? { json: [] } : unknownPath,
  )
  for (const server of [ours, reference]) {
    const { code, stdout, stderr } = await lineage([], server)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/\ntry: knit data find\n$/)
  }
  expect(ours.requests).toHaveLength(1)
})
