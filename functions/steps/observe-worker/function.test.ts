import { expect } from 'vitest'
import { programTrace, volumeOf } from '#shared/domain/worker-spec.ts'
import type { WorkerState } from '#shared/ports/cluster.ts'
import { failed, succeeded } from '#tests/support/scripted-cluster.ts'
import { historyOf, makeRun, passTime, readRun, steal } from '#tests/support/runs.ts'
import { keptSpans } from '#tests/support/kept-spans.ts'
import { deliver, outbox, test, type TestWorld } from '#tests/support/world.ts'
import observeWorker from './function.ts'

const observe = (ctx: TestWorld, { runId }: { runId: string }, attempt = 1): Promise<Response> =>
  deliver(observeWorker, ctx, 'run.starting', { runId, attempt })

const changed = (ctx: TestWorld, worker: string): Promise<Response> =>
  deliver(observeWorker, ctx, 'worker.changed', { worker })

test('a run whose program runs is running, and when it began is kept', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'starting' })
  const startedAt = new Date('2026-01-02T03:04:05.678Z')
  ctx.cluster.set(run.worker, { phase: 'running', startedAt, image: 'sha256:abc' })
  expect((await observe(ctx, run)).status).toBe(202)
  expect(await readRun(ctx, run.runId)).toMatchObject({
    status: 'running',
    claim: null,
    exitCode: null,
  })
  expect(await outbox(ctx)).toEqual([
    { type: 'run.running', data: { runId: run.runId, attempt: 1 } },
  ])
  const [attempt] = await ctx.sql`select started_at, image from attempt where run_id = ${run.runId}`
  expect(attempt).toEqual({ started_at: startedAt, image: 'sha256:abc' })
})

test.for(['starting', 'running'] as const)(
  'a run that is %s completes with exit code 0 when its program succeeded',
  async (status, { ctx }) => {
    const run = await makeRun(ctx, { status })
    ctx.cluster.set(run.worker, succeeded())
    await changed(ctx, run.worker)
    expect(await readRun(ctx, run.runId)).toMatchObject({
      status: 'completing',
      claim: null,
      exitCode: 0,
      exitMessage: '',
      cause: null,
    })
    expect(await outbox(ctx)).toEqual([
      { type: 'run.completing', data: { runId: run.runId, attempt: 1 } },
    ])
  },
)

test.for(['starting', 'running'] as const)(
  'a run that is %s aborts with the code and message of its program when that failed',
  async (status, { ctx }) => {
    const run = await makeRun(ctx, { status })
    ctx.cluster.set(run.worker, {
      phase: 'failed',
      endedAt: new Date(),
      exitCode: 137,
      message: '(container main) OOMKilled',
      cause: 'program',
    })
    await changed(ctx, run.worker)
    expect(await readRun(ctx, run.runId)).toMatchObject({
      status: 'aborting',
      exitCode: 137,
      exitMessage: '(container main) OOMKilled',
      reason: '(container main) OOMKilled',
      cause: 'program',
    })
  },
)

test.for(['starting', 'running'] as const)(
  'a run that is %s and whose worker vanished aborts with 254, as a failure of the machine',
  async (status, { ctx }) => {
    const run = await makeRun(ctx, { status })
    ctx.cluster.workers.clear()
    await changed(ctx, run.worker)
    expect(await readRun(ctx, run.runId)).toMatchObject({
      status: 'aborting',
      exitCode: 254,
      exitMessage: 'worker for the run is not found',
      cause: 'machine',
    })
    // Its end is when it was found out, by the only clock that all share.
    const [attempt] = await ctx.sql`
      select ended_at = updated_at as now
        from attempt
        join run on run.id = run_id
       where run_id = ${run.runId}`
    expect(attempt).toEqual({ now: true })
  },
)

test('a run told twice of its worker moves once, and says so once', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'running' })
  ctx.cluster.set(run.worker, succeeded())
  await Promise.all([changed(ctx, run.worker), changed(ctx, run.worker), observe(ctx, run)])
  await observe(ctx, run)
  expect(await outbox(ctx)).toHaveLength(1)
  expect(await historyOf(ctx, run.runId)).toEqual(['waiting', 'completing'])
})

test('a run that runs on is left as it is, and looked at again after a while without an event', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'running' })
  await observe(ctx, run)
  expect(await readRun(ctx, run.runId)).toMatchObject({
    status: 'running',
    claim: null,
    failures: 0,
    later: true,
  })
  expect(await outbox(ctx)).toEqual([])
})

test('what a worker has measured of its outputs is kept, and of nothing else', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'running' })
  const other = await makeRun(ctx, { status: 'running' })
  const [output = ''] = run.outputs
  const [foreign = ''] = other.outputs
  const measure = { bytes: 5, files: 1, digest: 'sha256:1' }
  const measures = Object.fromEntries(
    [volumeOf(output), volumeOf(foreign), 'no-data'].map((volume) => [volume, measure]),
  )
  ctx.cluster.set(run.worker, { ...succeeded(), measures } as WorkerState)
  await changed(ctx, run.worker)

  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'completing' })
  const known = await ctx.sql`
    select id, bytes::int, files::int from data where digest = ${measure.digest}`
  expect(known).toEqual([{ id: output, bytes: 5, files: 1 }])
})

test('a worker that was never released is released', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'starting' })
  ctx.cluster.set(run.worker, { phase: 'suspended' })
  await ctx.sql`update run set updated_at = now() - interval '2 seconds'`
  const release = ctx.cluster.releaseWorker.bind(ctx.cluster)
  ctx.cluster.releaseWorker = async (worker) => {
    await release(worker)
    await changed(ctx, run.worker)
  }
  await observe(ctx, run)
  expect(ctx.cluster.calls).toContain(`releaseWorker ${run.worker}`)
  // What its release brought about finds the run claimed, and is seen at once.
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'running', claim: null })
})

test('a worker that is just being released is left to who does that, and looked at again in two seconds', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'starting' })
  ctx.cluster.set(run.worker, { phase: 'suspended' })
  await observe(ctx, run)
  expect(ctx.cluster.calls).not.toContain(`releaseWorker ${run.worker}`)
  const [due] = await ctx.sql`
    select claim, due_at between now() and now() + interval '2 seconds' as soon from run where id = ${run.runId}`
  expect(due).toEqual({ claim: null, soon: true })
})

test('why a worker does not begin is shown on the run', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'starting' })
  ctx.cluster.set(run.worker, { phase: 'pending', reason: '0/3 nodes are available' })
  await observe(ctx, run)
  expect(await readRun(ctx, run.runId)).toMatchObject({
    status: 'starting',
    claim: null,
    reason: '0/3 nodes are available',
  })
  ctx.cluster.set(run.worker, { phase: 'running', startedAt: new Date() })
  await changed(ctx, run.worker)
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'running', reason: null })
})

test('a program that does not begin for too long is lost with its machine, and why is kept', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'starting' })
  ctx.cluster.set(run.worker, { phase: 'pending', reason: '0/3 nodes are available' })
  const late = ctx.config.pendingPatience + 1
  await ctx.sql`update run set updated_at = now() - ${late} * interval '1 second'`
  await observe(ctx, run)
  const message = `its program did not begin within ${ctx.config.pendingPatience} s: 0/3 nodes are available`
  expect(await readRun(ctx, run.runId)).toMatchObject({
    status: 'aborting',
    cause: 'machine',
    exitCode: 255,
    exitMessage: message,
    reason: message,
  })
})

test('a program that only waits for others to end waits as long as that takes', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'starting' })
  ctx.cluster.set(run.worker, { phase: 'pending', reason: 'exceeded quota', queued: true })
  await ctx.sql`update run set updated_at = now() - interval '1 year'`
  await observe(ctx, run)
  expect(await readRun(ctx, run.runId)).toMatchObject({
    status: 'starting',
    reason: 'exceeded quota',
  })
})

test('what has no room is looked at again after as long as it has waited, and then as often as others', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'starting' })
  ctx.cluster.set(run.worker, { phase: 'pending', reason: 'exceeded quota', queued: true })
  const looksAgainAfter = async (since: number, lookInterval: number) => {
    ctx.config.lookInterval = lookInterval
    await ctx.sql`update run set updated_at = now() - ${since} * interval '1 second'`
    await observe(ctx, run)
    const [row] = await ctx.sql<{ seconds: number }[]>`
      select round(extract(epoch from due_at - updated_at) / ${since}::numeric, 1)::float8 as seconds
        from run
       where id = ${run.runId}`
    return row?.seconds
  }
  expect(await looksAgainAfter(10_000, 1e6)).toBe(2)
  expect(await looksAgainAfter(20_000, 1e6)).toBe(2)
  expect(await looksAgainAfter(20_000, 10_000)).toBe(1.5)
})

test.for<[when: string, state: WorkerState]>([
  ['as long as nobody knows of anything', { phase: 'pending' }],
  ['after something else was known', { phase: 'pending', reason: '0/3 nodes are available' }],
])(
  'what keeps a worker from beginning, other than a queue, is looked for within 5 s, %s',
  async ([, state], { ctx }) => {
    const run = await makeRun(ctx, { status: 'starting' })
    ctx.cluster.set(run.worker, state)
    await ctx.sql`update run set updated_at = now() - interval '10 minutes'`
    await observe(ctx, run)
    const [row] = await ctx.sql`
      select due_at < now() + interval '5 seconds' as soon from run where id = ${run.runId}`
    expect(row).toEqual({ soon: true })
  },
)

test('a program that began is given all the time it takes', async ({ ctx }) => {
  for (const status of ['starting', 'running'] as const) {
    const run = await makeRun(ctx, { status })
    ctx.cluster.set(run.worker, { phase: 'running', startedAt: new Date(0) })
    await ctx.sql`update run set updated_at = now() - interval '1 year'`
    await observe(ctx, run)
    expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'running' })
  }
})

test('a worker that was made once more when that of the attempt was lost is not let begin: the attempt is lost', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'starting' })
  const { spec } = ctx.cluster.workers.get(run.worker) ?? {}
  await ctx.cluster.deleteWorker(run.worker, { force: true })
  if (spec) await ctx.cluster.ensureWorker(spec)
  await observe(ctx, run)
  expect(ctx.cluster.workers.get(run.worker)).toMatchObject({ state: { phase: 'suspended' } })
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'aborting', cause: 'machine' })
})

test.for([
  ['starting', 'running'],
  ['starting', 'pending'],
  ['running', 'running'],
] as const)(
  'what happens to a worker of a run that is %s while it is seen %s is not overlooked, though its event finds the run claimed',
  async ([status, phase], { ctx }) => {
    const run = await makeRun(ctx, { status })
    ctx.cluster.set(run.worker, { phase, startedAt: new Date() })
    const find = ctx.cluster.findWorker.bind(ctx.cluster)
    let looks = 0
    ctx.cluster.findWorker = async (name) => {
      looks += 1
      const seen = structuredClone(await find(name))
      if (looks === 1) {
        ctx.cluster.set(run.worker, succeeded())
        expect((await changed(ctx, run.worker)).status).toBe(202)
      }
      return seen
    }
    await observe(ctx, run)
    expect(looks).toBe(2)
    expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'completing' })
  },
)

test('events that come while a run is claimed have it looked at once more, and are written down once', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'running' })
  const find = ctx.cluster.findWorker.bind(ctx.cluster)
  const versions: unknown[] = []
  let looks = 0
  ctx.cluster.findWorker = async (name) => {
    looks += 1
    const events = looks === 1 ? 3 : 0
    for (let told = 0; told < events; told += 1) {
      await changed(ctx, run.worker)
      versions.push(...(await ctx.sql`select xmin::text from run where id = ${run.runId}`))
    }
    return find(name)
  }
  await observe(ctx, run)
  expect(looks).toBe(2)
  expect(new Set(versions.map((version) => JSON.stringify(version))).size).toBe(1)
})

test('a run that somebody else serves is left alone', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'running' })
  ctx.cluster.set(run.worker, succeeded())
  await steal(ctx, run.runId)
  await changed(ctx, run.worker)
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'running', claimedBy: 'another' })
})

test('a step that wakes up after its claim expired changes nothing', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'running' })
  ctx.cluster.set(run.worker, failed())
  ctx.cluster.before = () => steal(ctx, run.runId)
  await observe(ctx, run)
  expect(await readRun(ctx, run.runId)).toMatchObject({
    status: 'running',
    claimedBy: 'another',
    exitCode: null,
  })
  expect(await outbox(ctx)).toEqual([])
})

test.for([
  ['ended', succeeded()],
  ['not ended', { phase: 'running', startedAt: new Date() }],
] as const)('a worker that has %s is looked at once', async ([, state], { ctx }) => {
  const run = await makeRun(ctx, { status: 'running' })
  ctx.cluster.set(run.worker, state)
  ctx.cluster.calls.length = 0
  await changed(ctx, run.worker)
  expect(ctx.cluster.calls).toEqual([`findWorker ${run.worker}`])
})

test('an event about an earlier attempt looks at the worker of the current one', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'running', attempt: 2 })
  await changed(ctx, `worker-run-${run.runId}-1`)
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'running', attempt: 2 })
  ctx.cluster.set(run.worker, succeeded())
  await changed(ctx, `worker-run-${run.runId}-1`)
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'completing', exitCode: 0 })
})

test.for(['deactivated', 'waiting', 'ready', 'completing', 'done', 'failed'] as const)(
  'a run that is %s does not follow its worker',
  async (status, { ctx }) => {
    const run = await makeRun(ctx, { status })
    expect((await changed(ctx, run.worker)).status).toBe(202)
    expect(await readRun(ctx, run.runId)).toMatchObject({ status })
    expect(await outbox(ctx)).toEqual([])
  },
)

test.for(['some-other-pod', 'worker-run-x-1', 'worker-run-00000000-0000-4000-8000-000000000000-1'])(
  'a change of %s, which is of no run, is no error',
  async (worker, { ctx }) => {
    expect((await changed(ctx, worker)).status).toBe(202)
  },
)

test('a cluster that does not answer is asked again later, and the reason is shown meanwhile', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'running' })
  ctx.cluster.set(run.worker, succeeded())
  ctx.cluster.before = () => {
    throw new Error('the API server is away')
  }
  expect((await changed(ctx, run.worker)).status).toBe(202)
  expect(await readRun(ctx, run.runId)).toMatchObject({
    status: 'running',
    claim: null,
    failures: 1,
    later: true,
    reason: expect.stringMatching(/the API server is away/),
  })
  ctx.cluster.before = () => {}
  await passTime(ctx)
  await changed(ctx, run.worker)
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'completing' })
})

test('a message longer than can be kept is cut, and ends the run all the same', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'running' })
  const message = '😀'.repeat(5000)
  ctx.cluster.set(run.worker, {
    phase: 'failed',
    endedAt: new Date(),
    exitCode: 1,
    message,
    cause: 'program',
  })
  await observe(ctx, run)
  const found = await readRun(ctx, run.runId)
  expect(found).toMatchObject({ status: 'aborting', exitCode: 1 })
  expect(message.startsWith(String(found?.['exitMessage']))).toBe(true)
})

test('an exit message with characters the database cannot hold ends the run all the same', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'running' })
  ctx.cluster.set(run.worker, {
    phase: 'failed',
    endedAt: new Date(),
    exitCode: 1,
    message: `bad \0 text \ud800 and ${'x'.repeat(1000)}😀`,
    cause: 'program',
  })
  await observe(ctx, run)
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'aborting', exitCode: 1 })
})

const ofRun = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

test.for([
  ['succeeded', succeeded(), undefined],
  ['failed', failed(), '(container main) Error'],
] as const)(
  'a program that %s is in the trace of its run, from when it began until it ended',
  async ([, end, error], { ctx }) => {
    const { tracer, spans } = keptSpans()
    ctx.tracer = tracer
    const run = await makeRun(ctx, { status: 'running' })
    await ctx.sql`update run set traceparent = ${ofRun} where id = ${run.runId}`
    const state = { ...end, startedAt: new Date(1000), endedAt: new Date(2500) } as WorkerState
    ctx.cluster.set(run.worker, state)
    await changed(ctx, run.worker)
    await changed(ctx, run.worker)
    expect(spans.filter(({ name }) => name === 'program')).toMatchObject([
      {
        traceparent: programTrace({ id: run.runId, attempt: 1, traceparent: ofRun }),
        parent: ofRun,
        start: 1000,
        end: 2500,
        error,
      },
    ])
    expect(spans.filter(({ name }) => name === 'observe-worker')).toMatchObject([{ parent: ofRun }])
  },
)

test('of a run that is in no trace nothing is recorded', async ({ ctx }) => {
  const { tracer, spans } = keptSpans()
  ctx.tracer = tracer
  const run = await makeRun(ctx, { status: 'running' })
  ctx.cluster.set(run.worker, succeeded())
  await changed(ctx, run.worker)
  expect(spans).toEqual([])
})

test('a program that is lost with its machine was executed until that was found out', async ({
  ctx,
}) => {
  const { tracer, spans } = keptSpans()
  ctx.tracer = tracer
  const run = await makeRun(ctx, { status: 'running' })
  const startedAt = new Date('2026-01-02T03:04:05.678Z')
  await ctx.sql`update run set traceparent = ${ofRun} where id = ${run.runId}`
  await ctx.sql`update attempt set started_at = ${startedAt} where run_id = ${run.runId}`
  await ctx.cluster.deleteWorker(run.worker)
  await changed(ctx, run.worker)
  expect(spans.filter(({ name }) => name === 'program')).toMatchObject([
    { parent: ofRun, start: startedAt.getTime(), error: 'worker for the run is not found' },
  ])
})
