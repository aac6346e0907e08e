import { expect } from 'vitest'
import {
  browser,
  browserSince,
  cli,
  cliArchive,
  cliPlan,
  cliPlanWithoutImage,
  cliSinceEver,
  cliTagOf,
  cliTags,
  cliUpload,
  cliWindow,
} from '#tests/support/known-clients.ts'
import { makeData } from '#tests/support/makers.ts'
import { md5, send } from '#tests/support/over-socket.ts'
import { makeRun } from '#tests/support/runs.ts'
import { expectError, expectKind, nobody, ownTag, test } from './wire.ts'

test('CLI, upload: chunks, a checksum that nobody announced, then tags as objects', async ({
  front,
  ask,
}) => {
  const up = await send(front, cliUpload(cliArchive()))
  expect(up.status).toBe(200)
  const { knitId } = JSON.parse(up.text) as { knitId: string }
  const tagged = await ask(`PUT /api/data/${knitId}`, cliTags('project', 'digits'), cli)
  expect(tagged.status).toBe(200)
  expectKind(tagged.json, 'DataDetail')
  expect((tagged.json as { tags: string[] }).tags).toContain('project:digits')
})

test('CLI, download: the trailer it verifies is there, and nothing is compressed twice', async ({
  front,
  ask,
}) => {
  const up = await send(front, cliUpload(cliArchive()))
  const { knitId } = JSON.parse(up.text) as { knitId: string }
  const down = await ask(`GET /api/data/${knitId}`, undefined, cli)
  expect(down.headers['content-encoding']).toBeUndefined()
  expect(down.trailers['x-checksum-md5']).toBe(md5(down.body))
})

test('CLI, find data: nanoseconds, and a duration in the words of Go', async ({ ask, world }) => {
  const { query, text } = ownTag()
  await makeData(world, text)
  const found = await ask(`GET /api/data?${cliWindow()}&${query}`, undefined, cli)
  expect(found.json).toHaveLength(1)
})

test('CLI, find runs: always since the year 1', async ({ ask, world }) => {
  const { planId } = await makeRun(world)
  const query = `plan=${planId}&${cliSinceEver}`
  expect((await ask(`GET /api/runs?${query}`, undefined, cli)).json).toHaveLength(1)
})

test('CLI, apply a plan: tags as text, active null', async ({ ask }) => {
  const spec = cliPlan('web.test/trainer:v1', 'project:digits')
  const reply = await ask('POST /api/plans', spec, cli)
  expect(reply.status).toBe(200)
  expectKind(reply.json, 'PlanDetail')
  expect(reply.json).toMatchObject({ active: true, log: { tags: ['type:log'] } })
})

test('CLI, apply a plan: image "" when the file has none', async ({ ask }) => {
  const reply = await ask('POST /api/plans', cliPlanWithoutImage, cli)
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
  const tag = cliTagOf(made.outputs[0] ?? '')
  const [data] = (await ask(`GET /api/data?${tag}`, undefined, cli)).json as [
    { upstream: { run: { runId: string; plan: { planId: string } } } },
  ]
  const { runId, plan } = data.upstream.run
  const run = await ask(`GET /api/runs/${runId}`, undefined, cli)
  expect(run.json).toMatchObject({ runId: made.runId, inputs: [{ knitId: made.inputs[0] }] })
  expect((await ask(`GET /api/plans/${plan.planId}`, undefined, cli)).json).toMatchObject({
    planId: made.planId,
  })
  expect((await ask(`GET /api/data?${cliTagOf(nobody)}`, undefined, cli)).text).toBe('[]\n')
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
    const reply = await ask(`GET /api/${list}/?${browserSince}`, undefined, browser)
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
