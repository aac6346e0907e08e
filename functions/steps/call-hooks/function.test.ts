import type { ServerResponse } from 'node:http'
import { setTimeout as later } from 'node:timers/promises'
import { expect } from 'vitest'
import { hookServer } from '#tests/support/hook-server.ts'
import { makeRun, type MadeRun } from '#tests/support/runs.ts'
import { until } from '#tests/support/until.ts'
import { deliver, outbox, test, tick, type TestWorld } from '#tests/support/world.ts'
import startRun from '../start-run/function.ts'
import finishRun from '../finish-run/function.ts'
import sweep from '../sweep/function.ts'
import callHooks from './function.ts'

const call = (ctx: TestWorld): Promise<Response> => deliver(callHooks, ctx, 'hook.recorded', {})
const deliveries = (ctx: TestWorld) =>
  ctx.sql`
    select status, url, failures, last_error as error, delivered_at is not null as delivered
      from hook_delivery
     order by recorded`

/** A run that has just started, with its after-hooks to be called. */
async function started(ctx: TestWorld, ...hooks: string[]): Promise<MadeRun> {
  ctx.config.hooksAfter = hooks
  const run = await makeRun(ctx, { status: 'ready' })
  await deliver(startRun, ctx, 'run.ready', { runId: run.runId, attempt: 1 })
  return run
}

/** Lets everything else go on for so many turns of the event loop. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await later(1)
}

const due = (ctx: TestWorld) => ctx.sql`update hook_delivery set due_at = now() - interval '1 s'`

test('every after-hook is told of a move, with what the run was by then', async ({ ctx }) => {
  const { url, calls } = await hookServer()
  const { runId } = await started(ctx, `${url}/a`, `${url}/b`)
  await ctx.sql`update run set status = 'running' where id = ${runId}`
  expect((await call(ctx)).status).toBe(202)
  expect(calls.map(({ path }) => path).toSorted()).toEqual(['/a', '/b'])
  expect(calls[0]).toMatchObject({
    headers: {
      'knit-hook': 'after starting',
      'knit-delivery': expect.stringMatching(/^[0-9a-f-]{36}$/),
    },
    body: { runId, status: 'starting', outputs: expect.any(Array) },
  })
  expect(await deliveries(ctx)).toMatchObject([{ delivered: true }, { delivered: true }])
})

test('calls are recorded with the move, and an event says that there are some', async ({ ctx }) => {
  await started(ctx, 'http://127.0.0.1:1/')
  expect(await deliveries(ctx)).toEqual([
    { status: 'starting', url: 'http://127.0.0.1:1/', failures: 0, error: null, delivered: false },
  ])
  expect((await outbox(ctx)).map(({ type }) => type)).toEqual(['run.starting', 'hook.recorded'])
})

test('without hooks nothing is recorded', async ({ ctx }) => {
  await started(ctx)
  expect(await deliveries(ctx)).toEqual([])
  expect(await outbox(ctx)).toHaveLength(1)
})

test('a hook that fails holds no other back, and is called again later, as the same delivery', async ({
  ctx,
}) => {
  let down = true
  const { url, calls } = await hookServer(({ path }, response) =>
    response.writeHead(down && path === '/bad' ? 503 : 200).end(),
  )
  await started(ctx, `${url}/bad`, `${url}/good`)
  await call(ctx)
  expect(await deliveries(ctx)).toMatchObject([
    { failures: 1, error: 'it answered 503', delivered: false },
    { failures: 0, error: null, delivered: true },
  ])
  await call(ctx)
  expect(calls).toHaveLength(2)
  down = false
  await due(ctx)
  await call(ctx)
  expect(await deliveries(ctx)).toMatchObject([{ delivered: true }, { delivered: true }])
  const ids = calls
    .filter(({ path }) => path === '/bad')
    .map(({ headers }) => headers['knit-delivery'])
  expect(new Set(ids).size).toBe(1)
})

test('a hook that does not answer keeps no call to another waiting, however many wait for it, and gets so many at a time', async ({
  ctx,
}) => {
  const open: ServerResponse[] = []
  const { url, calls } = await hookServer(({ path }, response) =>
    path === '/silent' ? open.push(response) : response.end(),
  )
  const toldTo = (path: string) => calls.filter((one) => one.path === path).length
  const startSome = async (count: number) => {
    for (let run = 0; run < count; run += 1) await started(ctx, `${url}/silent`, `${url}/good`)
  }
  await startSome(20)
  const first = call(ctx)
  await until(() => toldTo('/good') === 20)
  await until(() => toldTo('/silent') === 16)

  await startSome(1)
  await call(ctx)
  await until(() => toldTo('/good') === 21)
  expect(toldTo('/silent')).toBe(16)

  // Whoever has answered is told of the next.
  open.pop()?.end()
  await until(() => toldTo('/silent') === 17)
  await until(() => {
    for (const response of open.splice(0)) response.end()
    return toldTo('/silent') === 21 && open.length === 0
  })
  expect((await first).status).toBe(202)
  expect(await deliveries(ctx)).toEqual(
    Array.from({ length: 42 }, () => expect.objectContaining({ delivered: true })),
  )
})

test('who fails at the calls to one hook answers when those to the others are over', async ({
  ctx,
}) => {
  const { url } = await hookServer(async ({ path }, response) => {
    // Long after the other call has failed.
    if (path === '/slow') await turns(100)
    response.end()
  })
  await started(ctx, `${url}/slow`, `${url}/lost`)
  await ctx.sql`
    alter table hook_delivery add constraint lost check (delivered_at is null or url not like '%/lost')`
  const { status } = await call(ctx)
  const seen = await deliveries(ctx)
  await ctx.sql`alter table hook_delivery drop constraint lost`
  expect(status).toBe(500)
  expect(seen.map(({ url, delivered }) => [new URL(url).pathname, delivered])).toEqual([
    ['/slow', true],
    ['/lost', false],
  ])
})

test('a hook learns what happens to a run in its order, also when clocks are set back meanwhile', async ({
  ctx,
}) => {
  let down = true
  const { url, calls } = await hookServer((_, response) =>
    response.writeHead(down ? 500 : 200).end(),
  )
  const { runId } = await started(ctx, url)
  await call(ctx)
  // Ids are made of the time.
  await ctx.sql`update hook_delivery set id = 'ffffffff-ffff-7fff-bfff-ffffffffffff'`
  await ctx.sql`update run set status = 'running' where id = ${runId}`
  await ctx.sql`update run set status = 'completing' where id = ${runId}`
  await deliver(finishRun, ctx, 'run.completing', { runId, attempt: 1 })
  await call(ctx)
  expect(calls).toHaveLength(1)
  down = false
  await due(ctx)
  await call(ctx)
  expect(calls.slice(1).map(({ body }) => body['status'])).toEqual(['starting', 'done'])
})

test('a call that always fails is given up, stays to be seen, and lets the next one through', async ({
  ctx,
}) => {
  const { url } = await hookServer(({ body }, response) =>
    response.writeHead(body['status'] === 'starting' ? 500 : 200).end(),
  )
  const { runId } = await started(ctx, url)
  ctx.config.maxHookFailures = 2
  for (let tries = 0; tries < 3; tries += 1) {
    await due(ctx)
    await call(ctx)
  }
  expect(await deliveries(ctx)).toMatchObject([{ failures: 2, delivered: false }])
  await ctx.sql`update run set status = 'running' where id = ${runId}`
  await ctx.sql`update run set status = 'completing' where id = ${runId}`
  await deliver(finishRun, ctx, 'run.completing', { runId, attempt: 1 })
  await call(ctx)
  expect(await deliveries(ctx)).toMatchObject([
    { delivered: false },
    { status: 'done', delivered: true },
  ])
})

test('the sweep wakes for calls that are due and nobody makes', async ({ ctx }) => {
  await started(ctx, 'http://127.0.0.1:1/')
  const told: string[] = []
  ctx.bus = { publish: async (events) => void told.push(...events.map(({ name }) => name)) }
  const sweepNow = async () => {
    told.length = 0
    await tick(sweep, ctx)
    return told.filter((name) => name === 'hook.recorded')
  }
  expect(await sweepNow()).toHaveLength(1)
  await ctx.sql`
    update hook_delivery set claim = gen_random_uuid(), claimed_until = now() + interval '1 minute'`
  expect(await sweepNow()).toHaveLength(0)
  await ctx.sql`update hook_delivery set claimed_until = now() - interval '1 s'`
  expect(await sweepNow()).toHaveLength(1)
})
