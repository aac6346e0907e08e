import { once } from 'node:events'
import { appendFile, mkdir, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { expect } from 'vitest'
import { runStatuses, type RunStatus } from '#shared/domain/run-states.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { beginUpload } from '#shared/database/uploads.ts'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { begin } from '#tests/support/over-socket.ts'
import { makeReader, makeRun } from '#tests/support/runs.ts'
import { until } from '#tests/support/until.ts'
import { expectError, expectKind, nobody, test, type Ask } from './wire.ts'

const show = async (ask: Ask, runId: string) => (await ask(`GET /api/runs/${runId}`)).json as Run
type Run = {
  runId: string
  status: RunStatus
  updatedAt: string
  exit?: { code: number; message: string }
  outputs: { knitId: string }[]
  inputs: { knitId: string }[]
  log: { knitId: string } | null
}

test.for(runStatuses)('show: a run that is %s', async (status, { ask, world }) => {
  const { runId } = await makeRun(world, { status })
  const run = await show(ask, runId)
  expect(run).toMatchObject({ runId, status })
  expectKind(run, 'RunDetail')
})

test('find: without a status those that are invalidated are there, and uploads', async ({
  ask,
  world,
}) => {
  const { runId } = await makeRun(world, { status: 'invalidated' })
  await makeData(world)
  const runs = (await ask('GET /api/runs')).json as (Run & { plan: { name?: string } })[]
  expect(runs.map((run) => run.runId)).toContain(runId)
  expect(runs.map(({ plan }) => plan.name)).toContain('knit#uploaded')
})

test('find and show: data of an invalidated run are empty ids', async ({ ask, world }) => {
  const { runId } = await makeRun(world, { status: 'done' })
  expect((await ask(`DELETE /api/runs/${runId}`)).status).toBe(204)
  const { outputs, log } = await show(ask, runId)
  expect(outputs.map(({ knitId }) => knitId)).toEqual(['', ''])
  expect(log).toMatchObject({ knitId: '' })
})

test('find and show: log is null when the plan keeps none', async ({ ask, world }) => {
  const knitId = await makeData(world)
  const [run] = (await ask(`GET /api/runs?knitIdOutput=${knitId}`)).json as Run[]
  expect(run).toMatchObject({ log: null, inputs: [] })
})

const stops = {
  abort: {
    to: 'aborting',
    exit: { code: 253, message: 'aborted by user' },
    from: ['deactivated', 'waiting', 'ready', 'starting', 'running', 'aborting'],
  },
  tearoff: {
    to: 'completing',
    exit: { code: 0, message: 'stopped by user' },
    from: ['ready', 'starting', 'running', 'completing'],
  },
} as const

const stopRows = (['abort', 'tearoff'] as const).flatMap((verb) =>
  runStatuses.map((status) => [verb, status] as const),
)

test.for(stopRows)('%s a run that is %s', async ([verb, status], { ask, world }) => {
  const { to, exit, from } = stops[verb]
  const { runId } = await makeRun(world, { status })
  const reply = await ask(`PUT /api/runs/${runId}/${verb}`)
  if (!(from as readonly RunStatus[]).includes(status)) {
    expectError(reply, 409, 'prohibited operation')
    expect(await show(ask, runId)).toMatchObject({ status })
    return
  }
  expect(reply.status).toBe(200)
  // The status on the way, and not the one at its end.
  expect(reply.json).toMatchObject({ runId, status: to, exit })
})

test.for(['abort', 'tearoff'] as const)('%s again is the same', async (verb, { ask, world }) => {
  const { runId } = await makeRun(world, { status: 'running' })
  const first = await ask(`PUT /api/runs/${runId}/${verb}`)
  const second = await ask(`PUT /api/runs/${runId}/${verb}`)
  expect([first.status, second.status]).toEqual([200, 200])
  expect(second.json).toMatchObject({ status: stops[verb].to, exit: stops[verb].exit })
})

test('abort an upload in progress; half an upload is not torn off', async ({ ask, world }) => {
  const { run } = await beginUpload(world.sql, [], 60, { actor: 'test' })
  expectError(await ask(`PUT /api/runs/${run.id}/tearoff`), 409, 'prohibited operation')
  expect((await ask(`PUT /api/runs/${run.id}/abort`)).json).toMatchObject({ status: 'aborting' })
})

test('retry: done or failed, 200 and an empty body; new data, and no exit', async ({
  ask,
  world,
}) => {
  for (const status of ['done', 'failed'] as const) {
    const made = await makeRun(world, { status })
    const reply = await ask(`PUT /api/runs/${made.runId}/retry`)
    expect([reply.status, reply.text]).toEqual([200, ''])
    const run = await show(ask, made.runId)
    expect(run.status).toBe('waiting')
    expect(run).not.toHaveProperty('exit')
    const ids = [...run.outputs, run.log].map((point) => point?.knitId ?? '')
    for (const knitId of ids) {
      expect(knitId).not.toBe('')
      expect(made.outputs).not.toContain(knitId)
    }
    expect(run.inputs.map(({ knitId }) => knitId)).toEqual(made.inputs)
  }
})

test('retry: of an inactive plan is held', async ({ ask, world }) => {
  const { runId, planId } = await makeRun(world, { status: 'failed' })
  await ask(`DELETE /api/plans/${planId}/active`)
  expect((await ask(`PUT /api/runs/${runId}/retry`)).status).toBe(200)
  expect(await show(ask, runId)).toMatchObject({ status: 'deactivated' })
})

test('retry: no such run is 404', async ({ ask }) => {
  expectError(await ask(`PUT /api/runs/${nobody}/retry`), 404, 'not found')
})

test('retry: invalidated is 404', async ({ ask, world }) => {
  const { runId } = await makeRun(world, { status: 'invalidated' })
  expectError(await ask(`PUT /api/runs/${runId}/retry`), 404, 'not found')
})

const unfinished = runStatuses.filter(
  (status) => !['done', 'failed', 'invalidated'].includes(status),
)

test.for(unfinished)(
  'retry, delete: a run that is %s may not be finished',
  async (status, { ask, world }) => {
    const { runId } = await makeRun(world, { status })
    expectError(await ask(`PUT /api/runs/${runId}/retry`), 409, 'the run may not be finished')
    expectError(await ask(`DELETE /api/runs/${runId}`), 409, 'the run may not be finished')
  },
)

test('retry, delete: what is being downloaded is in the way', async ({ ask, world }) => {
  const { runId, outputs } = await makeRun(world, { status: 'done' })
  await world.sql`
    insert into agent (knit_id, mode, lease_until)
    values (${outputs[0] ?? ''}, 'read', now() + interval '1 minute')`
  for (const line of [`PUT /api/runs/${runId}/retry`, `DELETE /api/runs/${runId}`]) {
    const reply = await ask(line)
    expectError(reply, 409, 'the run may not be finished')
    expect(reply.text).toContain(outputs[0])
  }
})

test('retry, delete: a run that uses its output is in the way, and is named', async ({
  ask,
  world,
}) => {
  const made = await makeRun(world, { status: 'done' })
  const reader = await makeReader(world, made, 'failed')
  for (const line of [`PUT /api/runs/${made.runId}/retry`, `DELETE /api/runs/${made.runId}`]) {
    const reply = await ask(line)
    expectError(reply, 409, 'output of the run is in use')
    expect(reply.text).toContain(reader)
  }
})

test('retry: an upload is prohibited', async ({ ask, world }) => {
  const knitId = await makeData(world)
  const [run] = (await ask(`GET /api/runs?knitIdOutput=${knitId}`)).json as Run[]
  expectError(await ask(`PUT /api/runs/${run?.runId}/retry`), 409, 'prohibited operation')
})

test('retry: an upload whose data a run reads is in use, which is told before that it is prohibited', async ({
  ask,
  world,
}) => {
  const { inputs, runId } = await makeRun(world)
  const [run] = (await ask(`GET /api/runs?knitIdOutput=${inputs[0]}`)).json as Run[]
  const reply = await ask(`PUT /api/runs/${run?.runId}/retry`)
  expectError(reply, 409, 'output of the run is in use')
  expect(reply.text).toContain(runId)
})

test('delete: a run with inputs stays as invalidated, one without is gone', async ({
  ask,
  world,
}) => {
  const { runId, outputs } = await makeRun(world, { status: 'failed' })
  const reply = await ask(`DELETE /api/runs/${runId}`)
  expect([reply.status, reply.text]).toEqual([204, ''])
  expect(reply.headers['content-type']).toBe('application/json')
  expect(await show(ask, runId)).toMatchObject({ status: 'invalidated' })
  const gone = await ask(`GET /api/data?tag=${encodeURIComponent(`knit#id:${outputs[0]}`)}`)
  expect(gone.text).toBe('[]\n')

  const knitId = await makeData(world)
  const [upload] = (await ask(`GET /api/runs?knitIdOutput=${knitId}`)).json as Run[]
  expect((await ask(`DELETE /api/runs/${upload?.runId}`)).status).toBe(204)
  expectError(await ask(`GET /api/runs/${upload?.runId}`), 404, 'not found')
})

test('delete: invalidated, or no such run, is 404', async ({ ask, world }) => {
  const { runId } = await makeRun(world, { status: 'invalidated' })
  for (const id of [runId, nobody])
    expectError(await ask(`DELETE /api/runs/${id}`), 404, 'not found')
})

test('log: a run that was deleted, or whose plan keeps none, is 404', async ({ ask, world }) => {
  const { runId } = await makeRun(world, { status: 'invalidated' })
  expectError(await ask(`GET /api/runs/${runId}/log`), 404, 'not found')
  const tag = 'log:none'
  const planId = await makePlan(world, { inputs: { '/in': [tag] } })
  const silent = await makeRun(world, { planId, tag, status: 'done' })
  for (const follow of ['', '?follow'])
    expectError(await ask(`GET /api/runs/${silent.runId}/log${follow}`), 404, 'not found')
})

test.for(['deactivated', 'waiting', 'ready'] as const)(
  'log: of a run that is %s is 503, followed or not',
  async (status, { ask, world }) => {
    const { runId } = await makeRun(world, { status })
    for (const follow of ['', '?follow'])
      expectError(
        await ask(`GET /api/runs/${runId}/log${follow}`),
        503,
        'service unavailable temporaly',
      )
  },
)

test.for(['starting', 'running', 'completing', 'aborting', 'done', 'failed'] as const)(
  'log: of a run that is %s is what the volume holds, with follow=false as without',
  async (status, { ask, front }) => {
    const { runId, outputs } = await makeRun(front.world, { status })
    expect((await ask(`GET /api/runs/${runId}/log`)).text).toBe('')
    const folder = front.volumes.place(volumeOf(outputs[2] ?? ''))
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'log'), 'a\nb')
    for (const query of ['', '?follow=false'])
      expect(await ask(`GET /api/runs/${runId}/log${query}`)).toMatchObject({
        status: 200,
        text: 'a\nb',
      })
  },
)

test.for(['completing', 'aborting', 'done', 'failed'] as const)(
  'log: of a run that is %s, follow is ignored',
  async (status, { ask, front }) => {
    const { runId, outputs } = await makeRun(front.world, { status })
    const folder = front.volumes.place(volumeOf(outputs[2] ?? ''))
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'log'), 'all')
    for (const follow of ['follow', 'follow=', 'follow=true', 'follow=false'])
      expect((await ask(`GET /api/runs/${runId}/log?${follow}`)).text).toBe('all')
  },
)

test.for(['starting', 'running'] as const)(
  'log: of a run that is %s, follow is a live stream until its program ends',
  async (status, { front }) => {
    const { runId, outputs, worker } = await makeRun(front.world, { status })
    const folder = front.volumes.place(volumeOf(outputs[2] ?? ''))
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'log'), 'begun\n')
    const request = begin(front, { path: `/api/runs/${runId}/log?follow` })
    request.end()
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    let text = ''
    response.setEncoding('utf8').on('data', (piece: string) => (text += piece))
    await until(() => text === 'begun\n')
    await appendFile(join(folder, 'log'), 'ended')
    front.volumes.end(worker)
    await once(response, 'end')
    expect(text).toBe('begun\nended')
  },
)
