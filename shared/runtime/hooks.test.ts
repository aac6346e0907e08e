import { expect } from 'vitest'
import { hookServer } from '#tests/support/hook-server.ts'
import { keptSpans } from '#tests/support/kept-spans.ts'
import { makeRun, passTime, readRun } from '#tests/support/runs.ts'
import { counted } from '#tests/support/scrape.ts'
import { succeeded } from '#tests/support/scripted-cluster.ts'
import { startEngine } from '#tests/support/running-engine.ts'
import { deliver, test } from '#tests/support/world.ts'
import callHooks from '../../functions/steps/call-hooks/function.ts'
import initializeRun from '../../functions/steps/initialize-run/function.ts'
import startRun from '../../functions/steps/start-run/function.ts'
import { showRunsNow } from './show.ts'

const asJson = { 'content-type': 'application/json' }

test('before-hooks are asked for every move of a step, with what the run still is', async ({
  ctx,
}) => {
  const { url, calls } = await hookServer()
  ctx.config.hooksBefore = [url]
  ctx.cluster.afterRelease = succeeded
  const { runId } = await makeRun(ctx, { status: 'waiting' })
  await ctx.sql`
    insert into outbox (type, subject, data)
    select 'run.waiting', plan_id, jsonb_build_object('planId', plan_id) from run where id = ${runId}`
  const engine = startEngine(ctx)
  await engine.settle()
  await engine.stop()
  expect(await readRun(ctx, runId)).toMatchObject({ status: 'done' })
  expect(calls.map(({ headers, body }) => `${headers['knit-hook']}, ${body['status']}`)).toEqual([
    'before ready, waiting',
    'before starting, ready',
    'before completing, starting',
    'before done, completing',
  ])
  expect(calls[0]?.body).toMatchObject({ runId })
})

test('a hook that does not agree keeps the run where it is, with the reason, until it agrees', async ({
  ctx,
}) => {
  let agrees = false
  const { url, calls } = await hookServer((_, response) =>
    response.writeHead(agrees ? 200 : 403).end(),
  )
  ctx.config.hooksBefore = [url, `${url}/never`]
  const run = await makeRun(ctx, { status: 'ready' })
  const start = () => deliver(startRun, ctx, 'run.ready', { runId: run.runId, attempt: 1 })
  for (let tries = 1; tries <= 20; tries += 1) {
    expect((await start()).status).toBe(202)
    expect(await readRun(ctx, run.runId)).toMatchObject({
      status: 'ready',
      claim: null,
      failures: 0,
      hookFailures: tries,
      later: true,
      reason: expect.stringContaining(
        `the hook ${url} keeps the run from being starting: it answered 403`,
      ),
    })
    await passTime(ctx)
  }
  expect(calls.map(({ path }) => path)).not.toContain('/never')
  expect(ctx.cluster.workers.size).toBe(0)
  agrees = true
  await start()
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'starting', reason: null })
})

test('a run that a hook keeps back says only that, or that there is no room, never that it is about to go on', async ({
  ctx,
}) => {
  const { url } = await hookServer((_, response) => response.writeHead(403).end())
  ctx.config.hooksBefore = [url]
  const { runId, planId } = await makeRun(ctx)
  const reason = async () => (await showRunsNow(ctx, [runId]))[0]?.reason
  expect(await reason()).toBe('it is about to be admitted; place 1 of 1')
  await deliver(initializeRun, ctx, 'run.waiting', { planId })
  const kept = `the hook ${url} keeps the run from being ready: it answered 403`
  expect(await reason()).toBe(kept)
  await passTime(ctx)
  expect(await reason()).toBe(kept)
  ctx.cluster.room.set('cpu', 1)
  await makeRun(ctx, { status: 'running' })
  expect(await reason()).toMatch(/^it waits for cpu: .*; place 1 of 1$/)
})

test('a hook that was down for long costs the step none of its own tries', async ({ ctx }) => {
  let agrees = false
  const { url } = await hookServer((_, response) => response.writeHead(agrees ? 200 : 503).end())
  ctx.config.hooksBefore = [url]
  const run = await makeRun(ctx, { status: 'ready' })
  const start = async () => {
    await deliver(startRun, ctx, 'run.ready', { runId: run.runId, attempt: 1 })
    await passTime(ctx)
  }
  for (let tries = 0; tries < 20; tries += 1) await start()
  agrees = true
  ctx.cluster.before = (operation) => {
    if (operation === 'ensureWorker') throw new Error('the API server is away')
  }
  await start()
  expect(await readRun(ctx, run.runId)).toMatchObject({
    status: 'ready',
    failures: 1,
    hookFailures: 20,
  })
  ctx.cluster.before = () => {}
  await start()
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'starting', hookFailures: 0 })
})

test('if that is the policy, a run goes on without a hook that failed often', async ({ ctx }) => {
  const { url } = await hookServer((_, response) => response.writeHead(500).end())
  ctx.config = { ...ctx.config, hooksBefore: [url], hookPolicy: 'go-on', maxStepFailures: 3 }
  const run = await makeRun(ctx, { status: 'ready' })
  for (const status of ['ready', 'ready', 'starting']) {
    await deliver(startRun, ctx, 'run.ready', { runId: run.runId, attempt: 1 })
    expect(await readRun(ctx, run.runId)).toMatchObject({ status })
    await passTime(ctx)
  }
})

test('what hooks answer before the start is in the environment of the program, the last one wins', async ({
  ctx,
}) => {
  const { url } = await hookServer(({ path }, response) => {
    const env = path === '/a' ? { A: '1', B: '1' } : { B: '2' }
    response.writeHead(200, asJson).end(JSON.stringify({ knitfabExtension: { env }, other: 1 }))
  })
  ctx.config.hooksBefore = [`${url}/a`, `${url}/b`]
  const run = await makeRun(ctx, { status: 'ready' })
  await deliver(startRun, ctx, 'run.ready', { runId: run.runId, attempt: 1 })
  expect(ctx.cluster.workers.get(run.worker)?.spec.env).toEqual({ A: '1', B: '2' })
  expect(await ctx.sql`select env from attempt where run_id = ${run.runId}`).toEqual([
    { env: { A: '1', B: '2' } },
  ])
})

test.for([
  ['{"A":1}', 'knitfabExtension.env in its answer is no object of texts'],
  ['{"A=B":"x"}', 'in knitfabExtension.env in its answer "A=B" cannot be the name of a variable'],
  ['{"A":"\\u0000"}', 'in knitfabExtension.env in its answer "A" cannot have a value with a NUL'],
])(
  'the environment %s is a failure of the hook that says so, and is asked for again',
  async ([env, why], { ctx }) => {
    let answer = env
    const { url } = await hookServer((_, response) => {
      response.writeHead(200, asJson).end(`{"knitfabExtension":{"env":${answer}}}`)
    })
    ctx.config.hooksBefore = [url]
    const run = await makeRun(ctx, { status: 'ready' })
    const start = () => deliver(startRun, ctx, 'run.ready', { runId: run.runId, attempt: 1 })
    await start()
    expect(await readRun(ctx, run.runId)).toMatchObject({
      status: 'ready',
      failures: 0,
      hookFailures: 1,
      reason: expect.stringContaining(`the hook ${url} keeps the run from being starting: ${why}`),
    })
    answer = '{"A":"1"}'
    await passTime(ctx)
    await start()
    expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'starting' })
  },
)

test('what the program is given is what hooks answered last, and that is what is recorded', async ({
  ctx,
}) => {
  let env: object = { OLD: '1' }
  const { url } = await hookServer((_, response) => {
    response.writeHead(200, asJson).end(JSON.stringify({ knitfabExtension: { env } }))
  })
  ctx.config.hooksBefore = [url]
  const run = await makeRun(ctx, { status: 'ready' })
  const start = () => deliver(startRun, ctx, 'run.ready', { runId: run.runId, attempt: 1 })
  ctx.cluster.before = (operation) => {
    if (operation === 'ensureWorker') throw new Error('the API server is away')
  }
  await start()
  ctx.cluster.before = () => {}
  env = {}
  await passTime(ctx)
  await start()
  expect(ctx.cluster.workers.get(run.worker)?.spec.env).toEqual({})
  expect(await ctx.sql`select env from attempt where run_id = ${run.runId}`).toEqual([{ env: {} }])
})

test('a worker that is there already is taken over, and no hook is asked for it again', async ({
  ctx,
}) => {
  const { url, calls } = await hookServer((_, response) => {
    response.writeHead(200, asJson).end('{"knitfabExtension":{"env":{"A":"1"}}}')
  })
  ctx.config.hooksBefore = [url]
  const run = await makeRun(ctx, { status: 'ready' })
  const start = () => deliver(startRun, ctx, 'run.ready', { runId: run.runId, attempt: 1 })
  ctx.cluster.before = async (operation) => {
    if (operation !== 'ensureWorker' || ctx.cluster.workers.size > 0) return
    await ctx.sql`update run set claim = null, claimed_by = null, claimed_until = null`
  }
  await start()
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'ready' })
  await start()
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'starting' })
  expect(calls).toHaveLength(1)
  expect(await ctx.sql`select env from attempt`).toEqual([{ env: { A: '1' } }])
})

test('no transaction is open while a hook is asked', async ({ ctx }) => {
  let open: unknown
  const { url } = await hookServer(async (_, response) => {
    open = await ctx.sql`
      select from pg_stat_activity
       where datname = current_database() and state like 'idle in transaction%'`
    response.end()
  })
  ctx.config.hooksBefore = [url]
  const run = await makeRun(ctx, { status: 'ready' })
  await deliver(startRun, ctx, 'run.ready', { runId: run.runId, attempt: 1 })
  expect(open).toHaveLength(0)
})

test('calls of hooks are counted by when they are made and whether they were taken', async ({
  ctx,
}) => {
  let agrees = false
  const { url } = await hookServer((_, response) => response.writeHead(agrees ? 200 : 403).end())
  ctx.config.hooksBefore = ctx.config.hooksAfter = [url]
  const { runId } = await makeRun(ctx, { status: 'ready' })
  const start = () => deliver(startRun, ctx, 'run.ready', { runId, attempt: 1 })
  await start()
  agrees = true
  await passTime(ctx)
  await start()
  agrees = false
  await deliver(callHooks, ctx, 'hook.recorded', {})
  expect(await counted(ctx, 'knit_hook_duration_seconds_count')).toEqual({
    'before failed': 1,
    'before taken': 1,
    'after failed': 1,
  })
})

test('a hook is told where it is in the trace, and so is whether it took the call', async ({
  ctx,
}) => {
  const { tracer, spans } = keptSpans()
  ctx.tracer = tracer
  let agrees = false
  const { url, calls } = await hookServer((_, response) =>
    response.writeHead(agrees ? 200 : 403).end(),
  )
  ctx.config.hooksBefore = [url]
  const run = await makeRun(ctx, { status: 'ready' })
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  await ctx.sql`update run set traceparent = ${traceparent} where id = ${run.runId}`
  for (agrees of [false, true]) {
    await deliver(startRun, ctx, 'run.ready', { runId: run.runId, attempt: 1 }, { traceparent })
    await passTime(ctx)
  }
  const hooks = spans.filter(({ name }) => name === 'hook before starting')
  expect(hooks).toMatchObject([{ error: 'it answered 403' }, { error: undefined }])
  expect(calls.map(({ headers }) => headers['traceparent'])).toEqual(
    hooks.map((hook) => hook.traceparent),
  )
  const steps = spans.filter(({ name }) => name === 'start-run')
  expect(hooks.map(({ parent }) => parent)).toEqual(steps.map((step) => step.traceparent))
})
