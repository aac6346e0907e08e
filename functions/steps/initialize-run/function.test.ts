import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { roomForAll } from '#shared/adapters/kubernetes-cluster/room-for-all.ts'
import { setPlanActive } from '#shared/database/plans.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { Away, NoRoomNow, Unreachable } from '#shared/ports/cluster.ts'
import {
  historyOf,
  makeRun,
  makeSimplePlan,
  passTime,
  readRun,
  steal,
} from '#tests/support/runs.ts'
import { deliver, outbox, test, type TestWorld } from '#tests/support/world.ts'
import initializeRun from './function.ts'

const by = { actor: 'test' }

const initialize = (ctx: TestWorld): Promise<Response> =>
  deliver(initializeRun, ctx, 'run.waiting', { planId: randomUUID() })

const statusOf = async (ctx: TestWorld, { runId }: { runId: string }): Promise<unknown> =>
  (await readRun(ctx, runId))?.['status']

test('a run that waits and fits gets the volumes of its outputs, and is ready', async ({ ctx }) => {
  const run = await makeRun(ctx)
  expect((await initialize(ctx)).status).toBe(202)
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'ready', claim: null, failures: 0 })
  expect([...ctx.cluster.volumes.keys()].toSorted()).toEqual(run.outputs.map(volumeOf).toSorted())
  expect(await outbox(ctx)).toEqual([{ type: 'run.ready', data: { runId: run.runId, attempt: 1 } }])
  expect(await historyOf(ctx, run.runId)).toEqual(['waiting', 'ready'])
})

test('a run told twice to get ready is ready, and says so once', async ({ ctx }) => {
  const run = await makeRun(ctx)
  await Promise.all([initialize(ctx), initialize(ctx)])
  await initialize(ctx)
  expect(await historyOf(ctx, run.runId)).toEqual(['waiting', 'ready'])
  expect(await outbox(ctx)).toHaveLength(1)
})

test('a run that somebody else serves is left alone', async ({ ctx }) => {
  const run = await makeRun(ctx)
  await steal(ctx, run.runId)
  await initialize(ctx)
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'waiting', claimedBy: 'another' })
  expect(ctx.cluster.calls).toEqual([])
})

test('a run whose claim expired is served again', async ({ ctx }) => {
  const run = await makeRun(ctx)
  await steal(ctx, run.runId)
  await passTime(ctx)
  await initialize(ctx)
  expect(await statusOf(ctx, run)).toBe('ready')
})

test('a held run is left alone', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'deactivated' })
  await initialize(ctx)
  expect(await statusOf(ctx, run)).toBe('deactivated')
})

test('a step that wakes up after its claim expired changes nothing', async ({ ctx }) => {
  const run = await makeRun(ctx)
  ctx.cluster.before = () => steal(ctx, run.runId)
  expect((await initialize(ctx)).status).toBe(202)
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'waiting', claimedBy: 'another' })
  expect(await outbox(ctx)).toEqual([])
})

test('a run held by its user while its volumes are made stays held', async ({ ctx }) => {
  const run = await makeRun(ctx)
  ctx.cluster.before = async () => {
    await setPlanActive(ctx.sql, run.planId, false, by)
  }
  await initialize(ctx)
  expect(await readRun(ctx, run.runId)).toMatchObject({ status: 'deactivated', claim: null })
  ctx.cluster.before = () => {}
  await setPlanActive(ctx.sql, run.planId, true, by)
  await initialize(ctx)
  expect(await statusOf(ctx, run)).toBe('ready')
})

test('runs wait while there is no room, and go on when there is', async ({ ctx }) => {
  ctx.cluster.room.set('cpu', 2)
  const plan = await makeSimplePlan(ctx)
  const runs = [
    await makeRun(ctx, plan),
    await makeRun(ctx, plan),
    await makeRun(ctx, plan),
    await makeRun(ctx, plan),
  ]
  await initialize(ctx)
  const statuses = () => Promise.all(runs.map((run) => statusOf(ctx, run)))
  expect(await statuses()).toEqual(['ready', 'ready', 'waiting', 'waiting'])
  for (const status of ['aborting', 'failed'])
    await ctx.sql`update run set status = ${status} where id = ${runs[0]?.runId ?? ''}`
  await deliver(initializeRun, ctx, 'run.failed', { runId: runs[0]?.runId ?? '', attempt: 1 })
  expect(await statuses()).toEqual(['failed', 'ready', 'ready', 'waiting'])
})

test('however much room there is, no more runs are live than may be: fair between plans, the oldest first', async ({
  ctx,
}) => {
  ctx.config.liveRuns = 4
  ctx.cluster.capacity = roomForAll.capacity
  const busy = await makeSimplePlan(ctx)
  const idle = await makeSimplePlan(ctx)
  const live = await makeRun(ctx, { ...busy, status: 'running' })
  await makeRun(ctx, { ...busy, status: 'aborting' })
  const older = [await makeRun(ctx, busy), await makeRun(ctx, busy)]
  const newer = [await makeRun(ctx, idle), await makeRun(ctx, idle), await makeRun(ctx, idle)]
  await Promise.all([initialize(ctx), initialize(ctx)])
  const statuses = (runs: { runId: string }[]) => Promise.all(runs.map((run) => statusOf(ctx, run)))
  expect(await statuses(newer)).toEqual(['ready', 'ready', 'waiting'])
  expect(await statuses(older)).toEqual(['waiting', 'waiting'])

  for (const status of ['completing', 'done'])
    await ctx.sql`update run set status = ${status} where id = ${live.runId}`
  await deliver(initializeRun, ctx, 'run.done', { runId: live.runId, attempt: 1 })
  expect(await statuses([...older, ...newer.slice(2)])).toEqual(['ready', 'waiting', 'waiting'])
})

test('of the runs that fit, the plan with the fewest live runs goes first, the oldest of it first', async ({
  ctx,
}) => {
  ctx.cluster.room.set('cpu', 4)
  const busy = await makeSimplePlan(ctx)
  const idle = await makeSimplePlan(ctx)
  await makeRun(ctx, { ...busy, status: 'running' })
  await makeRun(ctx, { ...busy, status: 'starting' })
  const older = [await makeRun(ctx, busy), await makeRun(ctx, busy)]
  const newer = [await makeRun(ctx, idle), await makeRun(ctx, idle), await makeRun(ctx, idle)]
  await initialize(ctx)
  const statuses = (runs: { runId: string }[]) => Promise.all(runs.map((run) => statusOf(ctx, run)))
  expect(await statuses(newer)).toEqual(['ready', 'ready', 'waiting'])
  expect(await statuses(older)).toEqual(['waiting', 'waiting'])
})

test('the same room is never given twice, however many admit at the same time', async ({ ctx }) => {
  ctx.cluster.room.set('cpu', 3)
  const plan = await makeSimplePlan(ctx)
  for (let made = 0; made < 8; made += 1) await makeRun(ctx, plan)
  await Promise.all(Array.from({ length: 5 }, () => initialize(ctx)))
  const ready = await ctx.sql`select from run where status = 'ready'`
  expect(ready).toHaveLength(3)
})

test('a run that can never fit ends with the reason, and holds no other back', async ({ ctx }) => {
  ctx.cluster.room.set('cpu', 2)
  const large = await makeRun(ctx, await makeSimplePlan(ctx, { cpu: '64' }))
  const strange = await makeRun(ctx, await makeSimplePlan(ctx, { gpu: '1' }))
  const small = await makeRun(ctx)
  await initialize(ctx)
  expect(await statusOf(ctx, small)).toBe('ready')
  expect(await readRun(ctx, large.runId)).toMatchObject({
    status: 'aborting',
    exitCode: 255,
    exitMessage: expect.stringMatching(/64 cpu.*2/),
    reason: expect.stringMatching(/64 cpu/),
    cause: 'plan',
  })
  expect(await readRun(ctx, strange.runId)).toMatchObject({
    status: 'aborting',
    exitCode: 255,
    exitMessage: expect.stringMatching(/gpu/),
  })
})

test('volumes that cannot be made are tried again later, and the reason is shown meanwhile', async ({
  ctx,
}) => {
  const run = await makeRun(ctx)
  const other = await makeRun(ctx)
  ctx.cluster.before = (_operation, name) => {
    if (name === volumeOf(run.outputs[1] ?? '')) throw new Error('the storage is broken')
  }
  expect((await initialize(ctx)).status).toBe(202)
  expect(await readRun(ctx, run.runId)).toMatchObject({
    status: 'waiting',
    claim: null,
    failures: 1,
    later: true,
    reason: expect.stringMatching(/the storage is broken/),
  })
  expect(await statusOf(ctx, other)).toBe('ready')
  ctx.cluster.before = () => {}
  await initialize(ctx)
  expect(await statusOf(ctx, run)).toBe('waiting')
  await passTime(ctx)
  await initialize(ctx)
  expect(await readRun(ctx, run.runId)).toMatchObject({
    status: 'ready',
    failures: 0,
    reason: null,
  })
})

test.for([
  new NoRoomNow('exceeded quota: persistentvolumeclaims'),
  new Away('the API server cannot be asked'),
  new Unreachable('the volume cannot be made: maximum storage usage per PersistentVolumeClaim'),
  Object.assign(new Error('EDQUOT: disk quota exceeded, mkdir'), { code: 'EDQUOT' }),
])(
  'a run whose volumes cannot be made now waits, however often it is tried: %s',
  async (why, { ctx }) => {
    const run = await makeRun(ctx)
    ctx.cluster.before = () => {
      throw why
    }
    for (let failure = 0; failure <= ctx.config.maxStepFailures; failure += 1) {
      await initialize(ctx)
      await passTime(ctx)
    }
    expect(await readRun(ctx, run.runId)).toMatchObject({
      status: 'waiting',
      reason: expect.stringContaining(why.message),
    })
  },
)

test('a run whose volumes can never be made ends with the reason', async ({ ctx }) => {
  const run = await makeRun(ctx)
  ctx.cluster.before = () => {
    throw new Error('the storage is away')
  }
  for (let failure = 0; failure < ctx.config.maxStepFailures; failure += 1) {
    expect(await statusOf(ctx, run)).toBe('waiting')
    await initialize(ctx)
    await passTime(ctx)
  }
  expect(await readRun(ctx, run.runId)).toMatchObject({
    status: 'aborting',
    cause: 'machine',
    exitCode: 255,
    exitMessage: expect.stringMatching(/the storage is away/),
  })
})

test('a plan with an absurd quantity ends its own runs, and those of no other', async ({ ctx }) => {
  const absurd = await makeRun(ctx, await makeSimplePlan(ctx, { cpu: '10000e99' }))
  const other = await makeRun(ctx)
  expect((await initialize(ctx)).status).toBe(202)
  expect(await statusOf(ctx, other)).toBe('ready')
  expect(await statusOf(ctx, absurd)).toBe('aborting')
})
