import postgres from 'postgres'
import { expect } from 'vitest'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { Away, Impossible, NoRoomNow } from '#shared/ports/cluster.ts'
import { makePlan } from '#tests/support/makers.ts'
import { historyOf, makeRun, passTime, readRun, steal } from '#tests/support/runs.ts'
import { deliver, outbox, test, type TestWorld } from '#tests/support/world.ts'
import startRun from './function.ts'

const start = (ctx: TestWorld, { runId }: { runId: string }, attempt = 1): Promise<Response> =>
  deliver(startRun, ctx, 'run.ready', { runId, attempt })

test('a run that is ready gets its worker, which is released once the run is known to be starting', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'ready' })
  const seen: unknown[] = []
  ctx.cluster.before = async (operation) => {
    const found = await readRun(ctx, run.runId)
    seen.push([operation, found?.['status'], ctx.cluster.workers.get(run.worker)?.state.phase])
  }
  expect((await start(ctx, run)).status).toBe(202)
  expect(seen).toEqual([
    ['ensureWorker', 'ready', undefined],
    ['releaseWorker', 'starting', 'suspended'],
  ])
  expect(ctx.cluster.workers.get(run.worker)?.state.phase).toBe('running')
  expect(await outbox(ctx)).toEqual([
    { type: 'run.starting', data: { runId: run.runId, attempt: 1 } },
  ])
  expect(await historyOf(ctx, run.runId)).toEqual(['waiting', 'starting'])
  const [attempt] =
    await ctx.sql`select worker, worker_uid from attempt where run_id = ${run.runId}`
  expect(attempt).toEqual({ worker: run.worker, worker_uid: 'uid-1' })
})

test('a worker is what the plan says: image, command, volumes, resources and log', async ({
  ctx,
}) => {
  const tag = 'a:1'
  const planId = await makePlan(
    ctx,
    {
      inputs: { '/in/b': [tag], '/in/a': [tag] },
      outputs: { '/out': [] },
      log: [],
    },
    {
      image: 'example.test/the/image:1.2',
      entrypoint: ['python'],
      args: ['-m', 'train'],
      resources: { cpu: '500m', memory: '1Gi' },
      service_account: 'trainer',
    },
  )
  const run = await makeRun(ctx, { planId, tag, status: 'ready' })
  const [input = ''] = run.inputs
  const [out = '', log = ''] = run.outputs
  await start(ctx, run)
  expect(ctx.cluster.workers.get(run.worker)?.spec).toMatchObject({
    name: `worker-run-${run.runId}-1`,
    labels: { run: run.runId, plan: planId, attempt: '1' },
    image: 'example.test/the/image:1.2',
    entrypoint: ['python'],
    args: ['-m', 'train'],
    inputs: [
      { volume: volumeOf(input), path: '/in/b' },
      { volume: volumeOf(input), path: '/in/a' },
    ],
    outputs: [{ volume: volumeOf(out), path: '/out' }],
    logVolume: volumeOf(log),
    limits: { cpu: 0.5, memory: 2 ** 30 },
    serviceAccount: 'trainer',
    network: false,
  })
})

test('a run told twice to start has one worker, and says so once', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'ready' })
  await Promise.all([start(ctx, run), start(ctx, run)])
  await start(ctx, run)
  expect(ctx.cluster.workers.size).toBe(1)
  expect(await outbox(ctx)).toHaveLength(1)
})

test('a run that somebody else serves is left alone', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'ready' })
  await steal(ctx, run.runId)
  await start(ctx, run)
  expect(ctx.cluster.calls).toEqual([])
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'ready', claimedBy: 'another' })
})

test.for([
  'deactivated',
  'waiting',
  'starting',
  'running',
  'completing',
  'done',
  'failed',
] as const)('an event about a run that is %s starts nothing', async (status, { ctx }) => {
  const run = await makeRun(ctx, { status })
  const workers = ctx.cluster.workers.size
  expect((await start(ctx, run)).status).toBe(202)
  expect(ctx.cluster.workers.size).toBe(workers)
  expect(await readRun(ctx, run.runId)).toMatchObject({ status })
})

test('a step that wakes up after its claim expired changes nothing, and its worker never runs', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'ready' })
  ctx.cluster.before = () => steal(ctx, run.runId)
  await start(ctx, run)
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'ready', claimedBy: 'another' })
  expect(ctx.cluster.workers.get(run.worker)?.state.phase).toBe('suspended')
  expect(await outbox(ctx)).toEqual([])
})

test('what a crash left behind is adopted: the worker that exists is the one that is released', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'ready' })
  ctx.cluster.before = () => steal(ctx, run.runId)
  await start(ctx, run)
  ctx.cluster.before = () => {}
  await passTime(ctx)
  await start(ctx, run)
  expect(ctx.cluster.workers.get(run.worker)).toMatchObject({
    uid: 'uid-1',
    state: { phase: 'running' },
  })
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'starting' })
})

test('a later attempt has a worker of its own and never adopts that of an earlier one', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'ready', attempt: 2 })
  await start(ctx, run, 1)
  expect([...ctx.cluster.workers.keys()]).toEqual([`worker-run-${run.runId}-2`])
})

test('a run torn off while its worker is created is left to its end', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'ready' })
  ctx.cluster.before = async (operation) => {
    if (operation === 'ensureWorker')
      await ctx.sql`
        update run
           set status = 'completing', claim = null, claimed_by = null, claimed_until = null
         where id = ${run.runId}`
  }
  await start(ctx, run)
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'completing', claim: null })
  expect(ctx.cluster.calls).not.toContain(`releaseWorker ${run.worker}`)
})

test('a worker that cannot be created is tried again later, and the reason is shown meanwhile', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'ready' })
  ctx.cluster.before = () => {
    throw new Error('quota exceeded')
  }
  expect((await start(ctx, run)).status).toBe(202)
  expect(await readRun(ctx, run.runId)).toMatchObject({
    status: 'ready',
    claim: null,
    failures: 1,
    later: true,
    reason: expect.stringMatching(/start-run.*quota exceeded/),
  })
  ctx.cluster.before = () => {}
  await start(ctx, run)
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'ready' })
  await passTime(ctx)
  await start(ctx, run)
  expect(await readRun(ctx, run.runId)).toMatchObject({
    status: 'starting',
    failures: 0,
    reason: null,
  })
})

const Refusal = postgres.PostgresError as unknown as new (sent: object) => Error
const held = new Refusal({ code: '55P03', message: 'canceling statement due to lock timeout' })
const full = Object.assign(new Error('ENOSPC: no space left on device, mkdir'), { code: 'ENOSPC' })

test.for([
  new NoRoomNow('exceeded quota: jobs'),
  new Away('the API server cannot be asked'),
  full,
  held,
])(
  'a run whose worker cannot be created now waits, however often it is tried: %s',
  async (why, { ctx }) => {
    const run = await makeRun(ctx, { status: 'ready' })
    ctx.cluster.before = () => {
      throw why
    }
    for (let failure = 0; failure <= ctx.config.maxStepFailures; failure += 1) {
      await start(ctx, run)
      await passTime(ctx)
    }
    expect(await readRun(ctx, run.runId)).toMatchObject({
      status: 'ready',
      reason: expect.stringContaining(why.message),
    })
    ctx.cluster.before = () => {
      throw new Error('once more')
    }
    await start(ctx, run)
    await passTime(ctx)
    ctx.cluster.before = () => {}
    await start(ctx, run)
    expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'starting' })
  },
)

test('a run whose worker cannot be as it is asked for ends at once', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'ready' })
  ctx.cluster.before = () => {
    throw new Impossible('gpu is no name of a resource')
  }
  await start(ctx, run)
  expect(await readRun(ctx, run.runId)).toMatchObject({
    status: 'aborting',
    cause: 'plan',
    exitMessage: 'its worker cannot be created: gpu is no name of a resource',
  })
})

test('a run whose worker can never be created ends with the reason, and nobody says that it is the plan', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'ready' })
  ctx.cluster.before = () => {
    throw new Error(`rejected: ${'why '.repeat(1000)}`)
  }
  for (let failure = 0; failure < ctx.config.maxStepFailures; failure += 1) {
    expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'ready', failures: failure })
    await start(ctx, run)
    await passTime(ctx)
  }
  expect(await readRun(ctx, run.runId)).toMatchObject({
    status: 'aborting',
    cause: 'machine',
    exitCode: 255,
    exitMessage: expect.stringMatching(/^its worker cannot be created: rejected: why/),
  })
})

test('a worker that could not be released is released by whoever observes it', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'ready' })
  ctx.cluster.before = (operation) => {
    if (operation === 'releaseWorker') throw new Error('the API server is away')
  }
  expect((await start(ctx, run)).status).toBe(202)
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'starting', claim: null })
  expect(await outbox(ctx)).toMatchObject([{ type: 'run.starting' }])
})
