import { Readable } from 'node:stream'
import { expect } from 'vitest'
import { entry, tgz } from '#shared/archive/test-archives.ts'
import { makeData } from '#tests/support/makers.ts'
import { md5, send } from '#tests/support/over-socket.ts'
import { makeRun } from '#tests/support/runs.ts'
import { expectError, expectKind, nobody, ownTag, test } from './wire.ts'

/*
 * What the programs that have been written for this API send, as they send it. None of them can tell which server answers.
 */

const cli = { 'user-agent': 'Go-http-client/1.1', 'accept-encoding': 'gzip' }
const browser = { 'content-type': 'application/json', accept: '*/*' }

test('CLI, upload: chunks, a checksum that nobody announced, then tags as objects', async ({
  front,
  ask,
}) => {
  const archive = tgz(
    entry({ name: 'digits/a.csv' }, '1,2,3'),
    entry({ name: 'link', type: '2', target: 'digits/a.csv' }),
  )
  const up = await send(front, {
    method: 'POST',
    path: '/api/data',
    headers: { ...cli, 'content-type': 'application/tar+gzip' },
    body: Readable.from([archive.subarray(0, 33), archive.subarray(33)]),
    trailers: { 'x-checksum-md5': md5(archive) },
  })
  expect(up.status).toBe(200)
  const { knitId } = JSON.parse(up.text) as { knitId: string }
  const change = { add: [{ key: 'project', value: 'digits' }], remove: null, remove_key: [] }
  const tagged = await ask(`PUT /api/data/${knitId}`, change, cli)
  expect(tagged.status).toBe(200)
  expectKind(tagged.json, 'DataDetail')
  expect((tagged.json as { tags: string[] }).tags).toContain('project:digits')
})

test('CLI, download: the trailer it verifies is there, and nothing is compressed twice', async ({
  front,
  ask,
}) => {
  const up = await send(front, {
    method: 'POST',
    path: '/api/data',
    body: tgz(entry({ name: 'a' }, 'x')),
  })
  const { knitId } = JSON.parse(up.text) as { knitId: string }
  const down = await ask(`GET /api/data/${knitId}`, undefined, cli)
  expect(down.headers['content-encoding']).toBeUndefined()
  expect(down.trailers['x-checksum-md5']).toBe(md5(down.body))
})

test('CLI, find data: nanoseconds, and a duration in the words of Go', async ({ ask, world }) => {
  const { query, text } = ownTag()
  await makeData(world, text)
  const since = encodeURIComponent(
    new Date(Date.now() - 3_600_000).toISOString().replace('Z', '123456+00:00'),
  )
  const found = await ask(`GET /api/data?duration=24h0m0s&since=${since}&${query}`, undefined, cli)
  expect(found.json).toHaveLength(1)
})

test('CLI, find runs: always since the year 1', async ({ ask, world }) => {
  const { planId } = await makeRun(world)
  const query = `plan=${planId}&since=${encodeURIComponent('0001-01-01T00:00:00Z')}`
  expect((await ask(`GET /api/runs?${query}`, undefined, cli)).json).toHaveLength(1)
})

test('CLI, apply a plan: tags as text, active null', async ({ ask }) => {
  const spec = {
    annotations: ['description=trains'],
    image: 'web.test/trainer:v1',
    inputs: [{ path: '/in/data', tags: ['project:digits', 'mode:training'] }],
    outputs: [{ path: '/out/model', tags: ['type:model'] }],
    log: { tags: ['type:log'] },
    on_node: { may: ['accelarator=gpu'], prefer: [], must: [] },
    resources: { cpu: '1', memory: '1Gi' },
    service_account: '',
    active: null,
  }
  const reply = await ask('POST /api/plans', spec, cli)
  expect(reply.status).toBe(200)
  expectKind(reply.json, 'PlanDetail')
  expect(reply.json).toMatchObject({ active: true, log: { tags: ['type:log'] } })
})

test('CLI, apply a plan: image "" when the file has none', async ({ ask }) => {
  const spec = { image: '', inputs: [{ path: '/in', tags: ['a:b'] }], outputs: [], active: null }
  const reply = await ask('POST /api/plans', spec, cli)
  expectError(reply, 400, 'bad request')
  expect(reply.text).toContain('nameless or versionless image')
})

test('CLI, log: follow without a value', async ({ ask, world }) => {
  const { runId } = await makeRun(world, { status: 'done' })
  expect(await ask(`GET /api/runs/${runId}/log?follow`, undefined, cli)).toMatchObject({
    status: 200,
  })
})

test('CLI, lineage and plan graph: data by knit#id, then runs and plans by id', async ({
  ask,
  world,
}) => {
  const made = await makeRun(world, { status: 'done' })
  const tag = encodeURIComponent(`knit#id:${made.outputs[0]}`)
  const [data] = (await ask(`GET /api/data?tag=${tag}`, undefined, cli)).json as [
    { upstream: { run: { runId: string; plan: { planId: string } } } },
  ]
  const { runId, plan } = data.upstream.run
  const run = await ask(`GET /api/runs/${runId}`, undefined, cli)
  expect(run.json).toMatchObject({ runId: made.runId, inputs: [{ knitId: made.inputs[0] }] })
  expect((await ask(`GET /api/plans/${plan.planId}`, undefined, cli)).json).toMatchObject({
    planId: made.planId,
  })
  const missing = encodeURIComponent(`knit#id:${nobody}`)
  expect((await ask(`GET /api/data?tag=${missing}`, undefined, cli)).text).toBe('[]\n')
})

test('CLI, errors: an object whose message is text', async ({ ask }) => {
  const { text } = await ask(`GET /api/plans/${nobody}`, undefined, cli)
  expect(Object.entries(JSON.parse(text) as object)).toEqual([['message', expect.any(String)]])
})

test('CLI, retry and delete: success without JSON', async ({ ask, world }) => {
  const { runId } = await makeRun(world, { status: 'failed' })
  expect(await ask(`PUT /api/runs/${runId}/retry`, undefined, cli)).toMatchObject({
    status: 200,
    text: '',
  })
  const done = await makeRun(world, { status: 'done' })
  expect(await ask(`DELETE /api/runs/${done.runId}`, undefined, cli)).toMatchObject({
    status: 204,
    text: '',
  })
})

test.for(['data', 'runs', 'plans'])(
  'console: GET /api/%s/ with a type and ISO times',
  async (list, { ask, world }) => {
    await makeRun(world, { status: 'done' })
    const since = encodeURIComponent('2020-01-02T03:04:05.678+09:00')
    const reply = await ask(`GET /api/${list}/?since=${since}`, undefined, browser)
    expect(reply.status).toBe(200)
    expect((reply.json as object[]).length).toBeGreaterThan(0)
  },
)

test('console: things by their ids, and a log that is read while it grows', async ({
  ask,
  world,
}) => {
  const { runId, planId } = await makeRun(world, { status: 'done' })
  for (const path of [`runs/${runId}`, `plans/${planId}`, `runs/${runId}/log?follow`])
    expect((await ask(`GET /api/${path}`, undefined, browser)).status).toBe(200)
})

test('who reads a run with jq finds the newest run last, and outputs in their order', async ({
  ask,
  world,
}) => {
  const [, second] = [
    await makeRun(world, { status: 'done' }),
    await makeRun(world, { status: 'done' }),
  ]
  const runs = (await ask('GET /api/runs', undefined, cli)).json as {
    runId: string
    outputs: { path: string }[]
  }[]
  expect(runs.at(-1)?.runId).toBe(second.runId)
  expect(runs.at(-1)?.outputs.map(({ path }) => path)).toEqual(['/out/a', '/out/b'])
})
