import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { expect, onTestFinished } from 'vitest'
import { refusal } from '#tests/support/api.ts'
import { cloneDatabase } from '#tests/support/database.ts'
import { makeWorld } from '#tests/support/functions.ts'
import { begin, openFront, test as overSocket, type Front } from '#tests/support/over-socket.ts'
import { makeRun } from '#tests/support/runs.ts'
import { until } from '#tests/support/until.ts'
import type { TestWorld } from '#tests/support/world.ts'
import watch from './function.ts'

const test = overSocket.extend<{ $file: { quick: Front } }>({
  quick: [
    async ({ front }, use) => {
      // Asked for each time, so that it holds for what is served already.
      front.world.config.watchInterval = 0.01
      await use(front)
    },
    { scope: 'file' },
  ],
})

type Told = { id: string; data: { runId: string; status: string; [key: string]: unknown } }

/** Somebody who listens; `told` is what they have heard so far. */
async function listen(front: Front, query = '', headers: Record<string, string> = {}) {
  const request = begin(front, { path: `/api/events${query}`, headers })
  request.end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  let text = ''
  response.setEncoding('utf8').on('data', (piece: string) => (text += piece))
  response.on('error', () => {})
  await until(() => text.includes('retry:'))
  const told = (): Told[] =>
    [...text.matchAll(/^id: (\d+)\nevent: run\ndata: (.*)\n\n/gm)].map(
      ([, id = '', data = '']) => ({
        id,
        data: JSON.parse(data) as Told['data'],
      }),
    )
  return {
    response,
    told,
    statuses: () => told().map(({ data }) => data.status),
    [Symbol.dispose]: () => void request.destroy(),
  }
}

const move = ({ sql }: TestWorld, runId: string, status: string) => sql`
  insert into run_history (run_id, attempt, from_status, status, actor, reason)
  values (${runId}, 1, 'waiting', ${status}, 'a-step', 'because')`

test('every move is told when it happens, as an event that a browser understands', async ({
  quick,
}) => {
  const { runId, planId } = await makeRun(quick.world)
  using listener = await listen(quick, `?run=${runId}`)
  expect(listener.response.headers).toMatchObject({
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
  })
  await move(quick.world, runId, 'ready')
  await until(() => listener.told().length === 1)
  await move(quick.world, runId, 'starting')
  await until(() => listener.told().length === 2)
  const [first, second] = listener.told()
  expect(first?.data).toEqual({
    runId,
    planId,
    attempt: 1,
    from: 'waiting',
    status: 'ready',
    at: expect.stringMatching(/\+00:00$/),
    by: 'a-step',
    reason: 'because',
  })
  expect(second?.data.status).toBe('starting')
  expect(Number(second?.id)).toBeGreaterThan(Number(first?.id))
})

test('who begins to watch is told of what comes, and not of what was', async ({ quick }) => {
  const { runId } = await makeRun(quick.world, { status: 'done' })
  using listener = await listen(quick)
  await move(quick.world, runId, 'failed')
  await until(() => listener.statuses().includes('failed'))
  expect(listener.told().map(({ data }) => data.runId)).toEqual([runId])
})

test('only what was asked for is told: by plan, run and status', async ({ quick }) => {
  const [one, other] = [await makeRun(quick.world), await makeRun(quick.world)]
  using ofPlan = await listen(quick, `?plan=${one.planId}`)
  using ofRun = await listen(quick, `?run=${other.runId},${randomUUID()}`)
  using ended = await listen(quick, '?status=done,failed')
  for (const { runId } of [one, other])
    for (const status of ['ready', 'done']) await move(quick.world, runId, status)
  await until(() => ended.told().length === 2)
  await until(() => ofPlan.told().length === 2 && ofRun.told().length === 2)
  expect(ofPlan.told().every(({ data }) => data.runId === one.runId)).toBe(true)
  expect(ofRun.told().every(({ data }) => data.runId === other.runId)).toBe(true)
  expect(ended.statuses()).toEqual(['done', 'done'])
})

test('a move that is committed after later ones is told as well', async ({ quick }) => {
  const { sql } = quick.world
  const { runId } = await makeRun(quick.world)
  using listener = await listen(quick, `?run=${runId}`)
  const written = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  const late = sql.begin(async (tx) => {
    await tx`
      insert into run_history (run_id, attempt, status, actor) values (${runId}, 1, 'ready', 'late')`
    written.resolve()
    await gate.promise
  })
  await written.promise
  await move(quick.world, runId, 'running')
  await until(() => listener.statuses().includes('running'))
  gate.resolve()
  await late
  await until(() => listener.statuses().includes('ready'))
  expect(listener.statuses()).toEqual(['running', 'ready'])
})

test.for(['Last-Event-ID', 'after'])(
  'after a break, %s goes on where it was',
  async (way, { quick }) => {
    const { runId } = await makeRun(quick.world)
    const first = await listen(quick, `?run=${runId}`)
    await move(quick.world, runId, 'ready')
    await until(() => first.told().length === 1)
    const id = first.told()[0]?.id ?? ''
    first[Symbol.dispose]()
    await move(quick.world, runId, 'starting')
    const query = `?run=${runId}${way === 'after' ? `&after=${id}` : ''}`
    using second = await listen(quick, query, way === 'after' ? {} : { 'last-event-id': id })
    await until(() => second.statuses().includes('starting'))
  },
)

test('what lies far back is not told again', async ({ quick }) => {
  const { runId } = await makeRun(quick.world)
  for (const status of ['ready', 'starting', 'running']) await move(quick.world, runId, status)
  await quick.world.sql`
    update run_history set at = at - interval '1 minute'
     where run_id = ${runId} and status in ('ready', 'starting')`
  const [last] = await quick.world.sql<{ id: string }[]>`
    select id from run_history where run_id = ${runId} and status = 'running'`
  using listener = await listen(quick, `?run=${runId}&after=${last?.id}`)
  await move(quick.world, runId, 'completing')
  await until(() => listener.statuses().includes('completing'))
  expect(listener.statuses()).not.toContain('ready')
  expect(listener.statuses()).not.toContain('starting')
})

test('an event that nobody knows any more is a place to go on from', async ({ quick }) => {
  const { runId } = await makeRun(quick.world)
  using listener = await listen(quick, `?run=${runId}&after=0`)
  await until(() => listener.told().length > 0)
  expect(listener.statuses()[0]).toBe('waiting')
})

test.for(['Last-Event-ID', 'after'])(
  'who comes back with the %s of a database that was there before hears what comes',
  async (way, { quick }) => {
    const { runId } = await makeRun(quick.world)
    const id = '900000000'
    const query = `?run=${runId}${way === 'after' ? `&after=${id}` : ''}`
    using listener = await listen(quick, query, way === 'after' ? {} : { 'last-event-id': id })
    await move(quick.world, runId, 'ready')
    await until(() => listener.statuses().includes('ready'))
    // What came about shortly before, as since a restore, is told as well, and each once.
    expect(listener.statuses()).toEqual(['waiting', 'ready'])
  },
)

/** A front that looks so often for moves, and the statements by which it does: to begin, and then again and again. */
async function watched(watchInterval: number) {
  const asked = { toBegin: 0, forMoves: 0 }
  const debug = (_: number, text: string) => {
    if (text.includes('select at from run_history')) asked.toBegin += 1
    if (text.includes('left join run on')) asked.forMoves += 1
  }
  const { sql, drop } = await cloneDatabase({ debug })
  onTestFinished(drop)
  const front = await openFront(makeWorld(sql))
  onTestFinished(() => front.close())
  Object.assign(front.world.config, { watchInterval })
  const { runId } = await makeRun(front.world)
  return { front, asked, runId }
}

test('however many listen, the moves are read once for all of them, and for who comes back once more', async () => {
  const { front, asked } = await watched(3600)
  const listeners = await Promise.all(Array.from({ length: 30 }, () => listen(front)))
  expect(asked).toEqual({ toBegin: 1, forMoves: 1 })
  const again = await listen(front, '?after=0')
  await until(() => again.told().length > 0)
  expect(asked.forMoves).toBe(2)
  for (const listener of [...listeners, again]) listener[Symbol.dispose]()
})

test('all who listen are told', async ({ quick }) => {
  const { runId } = await makeRun(quick.world)
  const listeners = await Promise.all(
    Array.from({ length: 30 }, () => listen(quick, `?run=${runId}`)),
  )
  for (const status of ['ready', 'starting']) await move(quick.world, runId, status)
  await until(() => listeners.every((listener) => listener.told().length === 2))
  for (const listener of listeners) {
    expect(listener.statuses()).toEqual(['ready', 'starting'])
    listener[Symbol.dispose]()
  }
})

test('who comes back is told of what they missed, and of what comes then, once each', async () => {
  const { front, runId } = await watched(0.01)
  using first = await listen(front, `?run=${runId}`)
  for (const status of ['ready', 'starting']) await move(front.world, runId, status)
  await until(() => first.told().length === 2)
  using second = await listen(front, `?run=${runId}&after=0`)
  await move(front.world, runId, 'running')
  await until(() => first.told().length === 3 && second.statuses().includes('running'))
  expect(second.statuses()).toEqual(['waiting', 'ready', 'starting', 'running'])
})

test('when all have gone away, nobody looks any more', async () => {
  const { front, asked } = await watched(0.01)
  await until(async () => {
    using listener = await listen(front)
    return listener.response.complete || asked.toBegin > 1
  })
})

test('when the database fails, all who listen are cut off, and come back', async () => {
  const { front, runId } = await watched(0.01)
  const { sql } = front.world
  using listener = await listen(front)
  const isCut = new Promise((resolve) => listener.response.once('close', resolve))
  await sql`alter table run_history rename to away`
  await isCut
  await sql`alter table away rename to run_history`
  using again = await listen(front)
  await move(front.world, runId, 'ready')
  await until(() => again.statuses().includes('ready'))
})

test.for(['?status=none', '?after=x', '?plan=a,,b'])('%s is refused', async (query, { quick }) => {
  await refusal(watch, quick.world, `/api/events${query}`, 'bad-request')
})

test('an id that is none is refused in a header as well', async ({ quick: { world } }) => {
  const headers = { 'last-event-id': 'x' }
  await refusal(watch, world, '/api/events', 'bad-request', { headers })
})
