import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { appendFile, mkdir, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { expect } from 'vitest'
import type { RunStatus } from '#shared/domain/run-states.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { ask, refusal } from '#tests/support/api.ts'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { begin, send, test, type Front } from '#tests/support/over-socket.ts'
import { makeRun, makeRunsDue, type MadeRun } from '#tests/support/runs.ts'
import { counted } from '#tests/support/scrape.ts'
import { until } from '#tests/support/until.ts'
import { call } from '#tests/support/world.ts'
import log from './function.ts'

type Printed = MadeRun & { file: string; path: string }

/** A run whose program has printed this so far; with nothing, its log has no file yet. */
async function printed(front: Front, status: RunStatus, text = ''): Promise<Printed> {
  const run = await makeRun(front.world, { status })
  const folder = front.volumes.place(volumeOf(run.outputs.at(-1) ?? ''))
  await mkdir(folder, { recursive: true })
  const file = join(folder, 'log')
  if (text !== '') await writeFile(file, text)
  return { ...run, file, path: `/api/runs/${run.runId}/log` }
}

async function open(front: Front, path: string): Promise<IncomingMessage> {
  const request = begin(front, { path })
  request.end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  response.setEncoding('utf8')
  return response
}

test.for(['starting', 'running', 'completing', 'aborting', 'done', 'failed'] as const)(
  'of a run that is %s, what it has printed so far is sent',
  async (status, { front }) => {
    const text = 'line 1\nline 2 <&> 日本語\nno newline at the end'
    const { path } = await printed(front, status, text)
    const reply = await send(front, { path })
    expect(reply.status).toBe(200)
    expect(reply.headers['content-type']).toBe('application/octet-stream')
    expect(reply.headers['transfer-encoding']).toBe('chunked')
    expect(reply.headers.trailer).toBeUndefined()
    expect(reply.trailers).toEqual({})
    expect(reply.text).toBe(text)
    expect((await send(front, { path: `${path}/` })).text).toBe(text)
  },
)

test('bytes that are no text come as they are', async ({ front }) => {
  const { path, file } = await printed(front, 'done')
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
  await writeFile(file, bytes)
  expect((await send(front, { path })).body).toEqual(bytes)
})

test('of a program that has printed nothing the log is empty', async ({ front }) => {
  for (const status of ['starting', 'running', 'done'] as const) {
    const { path } = await printed(front, status)
    const { status: code, text } = await send(front, { path })
    expect({ code, text }).toEqual({ code: 200, text: '' })
  }
})

test('what is in several files of the volume comes one after another', async ({ front }) => {
  const { path, file } = await printed(front, 'done', 'first\n')
  await writeFile(`${file}.1`, 'second\n')
  expect((await send(front, { path })).text).toBe('first\nsecond\n')
})

test.for(['?follow', '?follow=', '?follow=true', '?follow=0'])(
  'with %s a running log goes on until its program ends, and nothing waits for more',
  async (query, { front }) => {
    const { path, file, worker } = await printed(front, 'running', 'one\n')
    const response = await open(front, `${path}${query}`)
    let text = ''
    response.on('data', (chunk: string) => (text += chunk))
    await until(() => text === 'one\n')
    await appendFile(file, 'two, and half a line')
    await until(() => text === 'one\ntwo, and half a line')
    await appendFile(file, '\nlast')
    front.volumes.end(worker)
    await once(response, 'end')
    expect(text).toBe('one\ntwo, and half a line\nlast')
    expect(response.complete).toBe(true)
  },
)

test('with ?follow=false a running log is what there is so far', async ({ front }) => {
  const { path } = await printed(front, 'running', 'one\n')
  expect((await send(front, { path: `${path}?follow=false` })).text).toBe('one\n')
})

test('a run that is starting can be followed before it has printed anything', async ({ front }) => {
  const { path, file, worker } = await printed(front, 'starting')
  const response = await open(front, `${path}?follow`)
  await writeFile(file, 'at last\n')
  const [text] = (await once(response, 'data')) as [string]
  expect(text).toBe('at last\n')
  front.volumes.end(worker)
  await once(response, 'end')
})

test.for(['completing', 'aborting', 'done', 'failed'] as const)(
  'there is nothing to follow in a run that is %s: its log is sent',
  async (status, { front }) => {
    const { path } = await printed(front, status, 'all there is\n')
    expect((await send(front, { path: `${path}?follow` })).text).toBe('all there is\n')
  },
)

test('when the reader goes away, following ends', async ({ front }) => {
  const { path } = await printed(front, 'running', 'one\n')
  const { transfers } = front.world
  let source: Readable | undefined
  let told: AbortSignal | undefined
  front.world.transfers = {
    ...front.volumes,
    followLog: async (worker: string, volume: string, signal: AbortSignal) => {
      told = signal
      source = await front.volumes.followLog(worker, volume, signal)
      return source
    },
  } as never
  try {
    const response = await open(front, `${path}?follow`)
    await once(response, 'data')
    expect(told?.aborted).toBe(false)
    response.destroy()
    await until(() => told?.aborted && source?.destroyed)
  } finally {
    front.world.transfers = transfers
  }
})

test('a log that fails midway cuts the connection, with nothing appended', async ({ front }) => {
  const { path } = await printed(front, 'running')
  const { transfers } = front.world
  let text = ''
  const failing = Readable.from(
    (async function* () {
      yield Buffer.from('before\n')
      await until(() => text !== '')
      throw new Error('the node is lost')
    })(),
  )
  front.world.transfers = { ...front.volumes, followLog: async () => failing } as never
  try {
    const response = await open(front, `${path}?follow`)
    response.on('data', (chunk: string) => (text += chunk))
    await once(response, 'error')
    expect(text).toBe('before\n')
  } finally {
    front.world.transfers = transfers
  }
})

test.for(['deactivated', 'waiting', 'ready'] as const)(
  'a run that is %s has not begun to print: 503, with when to ask again',
  async (status, { front }) => {
    const { path } = await printed(front, status)
    for (const query of ['', '?follow']) {
      expect(await refusal(log, front.world, `${path}${query}`, 'not-yet')).toContain(status)
      const { headers } = await ask(log, front.world, `${path}${query}`)
      expect(headers.get('retry-after')).toBe('1')
    }
  },
)

test('an unknown run, a malformed id, and a run that was deleted are 404', async ({ front }) => {
  const { path } = await printed(front, 'invalidated')
  for (const deleted of [path, `${path}?follow`])
    await refusal(log, front.world, deleted, 'run-deleted')
  for (const gone of [
    `/api/runs/${randomUUID()}/log`,
    '/api/runs/nonsense/log',
    '/api/runs/%00/log',
    '/api/runs//log',
  ])
    await refusal(log, front.world, gone, 'run-not-found')
})

test('a run whose plan keeps no log is 404, whatever its status, and so is an upload', async ({
  front,
}) => {
  const { world } = front
  const knitId = await makeData(world, 'nolog:1')
  const planId = await makePlan(world, { inputs: { '/in': ['nolog:1'] }, outputs: { '/out': [] } })
  await makeRunsDue(world, planId)
  const rows = await world.sql<{ runId: string }[]>`
    select run_id as "runId" from data where id = ${knitId}
     union all
    select id from run where plan_id = ${planId}`
  expect(rows).toHaveLength(2)
  for (const { runId } of rows)
    expect(await refusal(log, world, `/api/runs/${runId}/log`, 'log-not-found')).toContain('no log')
})

test('without a socket the bytes are the same, and a viewer may read them', async ({ front }) => {
  const { path } = await printed(front, 'done', 'text\n')
  const response = await call(log, front.world, path, { role: 'viewer' })
  expect(await response.text()).toBe('text\n')
})

test('a run that ended before it had volumes has printed nothing', async ({ front }) => {
  const { runId } = await makeRun(front.world, { status: 'failed' })
  const reply = await send(front, { path: `/api/runs/${runId}/log` })
  expect(reply.status).toBe(200)
  expect(reply.text).toBe('')
})

test('the bytes of logs are counted', async ({ front }) => {
  const { path } = await printed(front, 'done', 'five\n')
  const sent = async () => (await counted(front.world, 'knit_sent_bytes_total'))['runs.log'] ?? 0
  const before = await sent()
  await send(front, { path })
  expect(await sent()).toBe(before + 5)
})
