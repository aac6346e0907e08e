import { randomUUID } from 'node:crypto'
import { HTTP } from 'cloudevents'
import { expect } from 'vitest'
import { toCloudEvent } from '#shared/adapters/cloud-event.ts'
import { beginUpload } from '#shared/database/uploads.ts'
import { createRelay } from '#shared/runtime/relay.ts'
import { runStatuses } from '#shared/domain/run-states.ts'
import type { KnitEvent } from '#shared/ports/event-bus.ts'
import { stepsFor } from '#shared/workflow/triggers.ts'
import { stepFunctions } from '../../functions.generated.ts'
import { makeData } from '#tests/support/makers.ts'
import {
  historyOf,
  makeRun,
  makeSimplePlan,
  passTime,
  readRun,
  steal,
} from '#tests/support/runs.ts'
import { counted } from '#tests/support/scrape.ts'
import { succeeded } from '#tests/support/scripted-cluster.ts'
import { startEngine } from '#tests/support/running-engine.ts'
import { deliver, test, tick, type TestWorld } from '#tests/support/world.ts'
import observeWorker from '../observe-worker/function.ts'
import sweep from './function.ts'

const by = { actor: 'test' }

/** Sweeps, and gives back what that told. */
async function sweepNow(ctx: TestWorld): Promise<string[]> {
  const told: KnitEvent[] = []
  ctx.bus = { publish: async (events) => void told.push(...events) }
  expect((await tick(sweep, ctx)).status).toBe(202)
  return told.map(({ name, data }) => `${name} ${JSON.stringify(data)}`)
}

test('what is due and served by nobody is told of again, and only that', async ({ ctx }) => {
  const expected: string[] = []
  for (const status of runStatuses) {
    const run = await makeRun(ctx, { status })
    const told: Partial<Record<string, string>> = {
      waiting: `run.waiting {"planId":"${run.planId}"}`,
      ready: `run.ready {"runId":"${run.runId}","attempt":1}`,
      starting: `run.starting {"runId":"${run.runId}","attempt":1}`,
      running: `run.starting {"runId":"${run.runId}","attempt":1}`,
      completing: `run.completing {"runId":"${run.runId}","attempt":1}`,
      aborting: `run.aborting {"runId":"${run.runId}","attempt":1}`,
    }
    expected.push(...[told[status] ?? []].flat())
  }
  expect((await sweepNow(ctx)).toSorted()).toEqual(expected.toSorted())
})

test('a run that somebody serves is not told of until the claim expired', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'ready' })
  await steal(ctx, run.runId)
  expect(await sweepNow(ctx)).toEqual([])
  await passTime(ctx)
  expect(await sweepNow(ctx)).toEqual([`run.ready {"runId":"${run.runId}","attempt":1}`])
})

test('a run that was put off is not told of before it is due', async ({ ctx }) => {
  await makeRun(ctx, { status: 'ready' })
  await ctx.sql`update run set due_at = now() + interval '30 s'`
  expect(await sweepNow(ctx)).toEqual([])
  await passTime(ctx)
  expect(await sweepNow(ctx)).toHaveLength(1)
})

test('facts to be matched, nominations to be projected and garbage are told of', async ({
  ctx,
}) => {
  const { planId, tag } = await makeSimplePlan(ctx)
  const knitId = await makeData(ctx, tag)
  await ctx.sql`insert into garbage (volume) values ('v')`
  await ctx.sql`
    insert into garbage (volume, failures, due_at) values ('later', 1, now() + interval '1 h')`
  const [input] = await ctx.sql<{ id: number }[]>`select id from input where plan_id = ${planId}`
  await ctx.sql`
    insert into nomination (input_id, knit_id, plan_id) values (${input?.id ?? 0}, ${knitId}, ${planId})`
  expect((await sweepNow(ctx)).toSorted()).toEqual([
    `data.nominated {"planId":"${planId}"}`,
    `data.tagged {"knitId":"${knitId}"}`,
    `plan.registered {"planId":"${planId}"}`,
    'volume.dropped {}',
  ])
})

test('an upload in progress is no work of a step', async ({ ctx }) => {
  await beginUpload(ctx.sql, [], 60, by)
  await passTime(ctx)
  expect(await sweepNow(ctx)).toEqual([])
})

test('a system with nothing to do tells nothing', async ({ ctx }) => {
  await makeRun(ctx, { status: 'done' })
  expect(await sweepNow(ctx)).toEqual([])
})

test('what a crash left in the outbox is published', async ({ ctx }) => {
  const knitId = await makeData(ctx, 'a:1')
  await ctx.sql`delete from match_task`
  const told: KnitEvent[] = []
  ctx.bus = { publish: async (events) => void told.push(...events) }
  ctx.relay = createRelay(ctx.sql, ctx.bus, ctx.log)
  await tick(sweep, ctx)
  const [made] = await ctx.sql`select run_id from data where id = ${knitId}`
  expect(told.at(-1)).toMatchObject({ name: 'data.ready', data: { runId: made?.['run_id'] } })
  expect(await ctx.sql`select from outbox`).toHaveLength(0)
})

test('stale workers are removed; those of living attempts, and of others, are not', async ({
  ctx,
}) => {
  const kept: string[] = []
  for (const status of ['starting', 'running', 'completing', 'aborting'] as const)
    kept.push((await makeRun(ctx, { status })).worker)
  const retried = await makeRun(ctx, { status: 'running' })
  await ctx.sql`update run set attempt = 2 where id = ${retried.runId}`
  const done = await makeRun(ctx, { status: 'completing' })
  await ctx.sql`update run set status = 'done' where id = ${done.runId}`
  const unknown = `worker-run-${randomUUID()}-1`
  for (const name of [unknown, 'somebody-elses'])
    await ctx.cluster.ensureWorker({ ...specOf(ctx), name })
  await sweepNow(ctx)
  expect([...ctx.cluster.workers.keys()].toSorted()).toEqual([...kept, 'somebody-elses'].toSorted())
})

test('a stale worker that cannot be deleted keeps no other from being removed', async ({ ctx }) => {
  const runs = [
    await makeRun(ctx, { status: 'running' }),
    await makeRun(ctx, { status: 'running' }),
    await makeRun(ctx, { status: 'running' }),
  ]
  await ctx.sql`update run set attempt = 2 where status = 'running'`
  const stuck = runs[1]?.worker ?? ''
  ctx.cluster.before = (operation, name) => {
    if (operation === 'deleteWorker' && name === stuck) throw new Error('as asked')
  }
  await tick(sweep, ctx)
  expect([...ctx.cluster.workers.keys()]).toEqual([stuck])
})

function specOf(ctx: TestWorld) {
  const [worker] = ctx.cluster.workers.values()
  if (!worker) throw new Error('there is no worker')
  return worker.spec
}

test('a cluster that does not answer keeps nobody from being told', async ({ ctx }) => {
  await makeRun(ctx, { status: 'ready' })
  const told: KnitEvent[] = []
  ctx.bus = { publish: async (events) => void told.push(...events) }
  ctx.cluster.listWorkers = async () => {
    throw new Error('the API server is away')
  }
  await tick(sweep, ctx)
  expect(told).toHaveLength(1)
})

test('a bus that takes nothing keeps no stale worker alive, and loses no event', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'running' })
  await makeData(ctx, 'a:1')
  await ctx.sql`update run set attempt = 2 where id = ${run.runId}`
  ctx.bus = {
    publish: async () => {
      throw new Error('the broker is away')
    },
  }
  ctx.relay = createRelay(ctx.sql, ctx.bus, ctx.log)
  expect((await tick(sweep, ctx)).status).toBe(500)
  expect(ctx.cluster.workers.size).toBe(0)
  expect(await ctx.sql`select from outbox where type = 'data.ready'`).toHaveLength(1)
})

test('steps are called directly when the broker does not work', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'ready' })
  const told: KnitEvent[] = []
  ctx.bus = {
    publish: async () => {
      throw new Error('the broker is away')
    },
  }
  ctx.direct = { publish: async (events) => void told.push(...events) }
  expect((await tick(sweep, ctx)).status).toBe(202)
  expect(told).toMatchObject([{ name: 'run.ready', subject: run.runId }])
})

test('steps are called directly when the broker takes what it is told, and tells nobody', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'ready' })
  const told: KnitEvent[] = []
  ctx.direct = { publish: async (events) => void told.push(...events) }
  // What has no Pod yet is given the time to have one.
  await tick(sweep, ctx)
  await tick(sweep, ctx)
  expect(told).toEqual([])
  await tick(sweep, ctx)
  expect(told).toMatchObject([{ name: 'run.ready', subject: run.runId }])
})

test('the broker has delivered what was served meanwhile and is due again', async ({ ctx }) => {
  const run = await makeRun(ctx, { status: 'starting' })
  ctx.cluster.set(run.worker, { phase: 'pending', reason: 'no node' })
  const told: KnitEvent[] = []
  ctx.bus = {
    publish: async (events) => {
      told.push(...events)
      await deliver(observeWorker, ctx, 'run.starting', { runId: run.runId, attempt: 1 })
    },
  }
  ctx.direct = { publish: () => Promise.reject(new Error('it is passed by')) }
  for (let sweeps = 1; sweeps <= 4; sweeps += 1) {
    await passTime(ctx, 5)
    expect((await tick(sweep, ctx)).status).toBe(202)
    expect(told).toHaveLength(sweeps)
  }
})

test('runs for which there is no room are nobody’s work, and those are that go on, or never can, when there is some', async ({
  ctx,
}) => {
  const plan = await makeSimplePlan(ctx)
  await makeRun(ctx, { ...plan, status: 'running' })
  const told = `run.waiting {"planId":"${plan.planId}"}`
  await makeRun(ctx, plan)
  await ctx.sql`update run set due_at = now() + interval '1 h' where status = 'running'`
  ctx.cluster.room.set('cpu', 1)
  expect(await sweepNow(ctx)).toEqual([])
  ctx.cluster.room.set('cpu', 2)
  expect(await sweepNow(ctx)).toEqual([told])
  ctx.cluster.room.set('cpu', 0)
  expect(await sweepNow(ctx)).toEqual([told])
})

test('a call of a hook that waits for an earlier one is nobody’s work before that was taken', async ({
  ctx,
}) => {
  const { runId } = await makeRun(ctx, { status: 'done' })
  await ctx.sql`
    insert into hook_delivery (run_id, attempt, status, url, body)
    select ${runId}, 1, 'done', 'https://hooks.test', '{}' from generate_series(1, 2)`
  const [first] = await ctx.sql<
    { id: string }[]
  >`select id from hook_delivery order by recorded limit 1`
  await ctx.sql`
    update hook_delivery
       set failures = 1,
           due_at = now() + interval '1 h'
     where id = ${first?.id ?? ''}`
  expect(await sweepNow(ctx)).toEqual([])
  await ctx.sql`update hook_delivery set delivered_at = now() where id = ${first?.id ?? ''}`
  expect(await sweepNow(ctx)).toEqual(['hook.recorded {}'])
})

test('the broker has delivered whatever goes on, however long all of it takes', async ({ ctx }) => {
  ctx.cluster.room.set('cpu', 100)
  const plan = await makeSimplePlan(ctx)
  for (let made = 0; made < 4; made += 1) {
    await makeRun(ctx, plan)
    await ctx.sql`insert into garbage (volume) values (${`v${made}`})`
  }
  for (let made = 0; made < 4; made += 1) await makeData(ctx, `k:${made}`)
  ctx.bus = { publish: async () => {} }
  ctx.direct = { publish: () => Promise.reject(new Error('it is passed by')) }
  for (let sweeps = 1; sweeps <= 4; sweeps += 1) {
    expect((await tick(sweep, ctx)).status).toBe(202)
    // Somebody has done some of it, and not all.
    await ctx.sql`
      update run set status = 'ready', due_at = now() + interval '1 h'
       where id = (select id from run where status = 'waiting' order by created_at, id limit 1)`
    await ctx.sql`delete from garbage where volume = (select min(volume) from garbage)`
    await ctx.sql`delete from match_task where id = (select min(id) from match_task)`
  }
})

/** A bus that gives what the sweep tells to the steps at once; whatever anybody else tells is lost. */
function onlySweep(ctx: TestWorld): void {
  const apps = new Map(stepFunctions.map((fn) => [fn.name, fn.app(ctx)]))
  ctx.bus = {
    publish: async (events) => {
      for (const event of events) {
        for (const step of stepsFor(event.name)) {
          const { headers, body } = HTTP.binary(toCloudEvent(event, 'sweep', ctx.config))
          const init = { method: 'POST', headers: headers as Record<string, string> }
          await apps
            .get(step)
            ?.fetch(new Request('http://steps.local/', { ...init, body: String(body) }))
        }
      }
    },
  }
}

test('with every event lost the sweep alone brings a run to done', async ({ ctx }) => {
  const { planId, tag } = await makeSimplePlan(ctx)
  await makeData(ctx, tag)
  ctx.cluster.afterRelease = () => ({ phase: 'running', startedAt: new Date() })
  onlySweep(ctx)
  const runs = () => ctx.sql<{ id: string; status: string }[]>`
    select id, status from run where plan_id = ${planId}`
  let sweeps = 0
  for (; sweeps < 20; sweeps += 1) {
    await ctx.sql`delete from outbox`
    await tick(sweep, ctx)
    const [run] = await runs()
    if (run?.status === 'done') break
    if (run?.status === 'running')
      for (const worker of ctx.cluster.workers.values()) worker.state = succeeded()
    await passTime(ctx)
  }
  const [run] = await runs()
  expect(run?.status).toBe('done')
  expect(await historyOf(ctx, run?.id ?? '')).toEqual([
    'waiting',
    'ready',
    'starting',
    'running',
    'completing',
    'done',
  ])
  // No step may need more than its turn: one sweep moves a run at least one status.
  expect(sweeps).toBeLessThanOrEqual(8)
})

test.for(['ready', 'starting', 'running', 'completing', 'aborting'] as const)(
  'a run whose step died while it was %s goes on after its claim expired, to the same end',
  async (status, { ctx }) => {
    const run = await makeRun(ctx, { status })
    await steal(ctx, run.runId)
    ctx.cluster.afterRelease = succeeded
    for (const worker of ctx.cluster.workers.values()) worker.state = succeeded()
    const engine = startEngine(ctx)
    await tick(sweep, ctx)
    await engine.settle()
    expect(await readRun(ctx, run.runId)).toMatchObject({ status })
    await passTime(ctx)
    await tick(sweep, ctx)
    await engine.settle()
    const end = status === 'aborting' ? 'failed' : 'done'
    expect(await readRun(ctx, run.runId)).toMatchObject({ status: end, attempt: 1 })
    expect(ctx.cluster.workers.size).toBe(0)
    await engine.stop()
  },
)

test('what is found is counted, and what has to go past the broker', async ({ ctx }) => {
  await makeRun(ctx, { status: 'ready' })
  await makeRun(ctx, { status: 'ready' })
  const stale = await makeRun(ctx, { status: 'running' })
  await ctx.sql`delete from match_task`
  await ctx.sql`update run set attempt = 2, due_at = now() + interval '1 h' where id = ${stale.runId}`
  ctx.relay = { ...ctx.relay, drain: async () => 3 }
  ctx.direct = { publish: async () => {} }
  await tick(sweep, ctx)
  const found = { outbox: 3, 'run.ready': 2, 'stale-worker': 1 }
  expect(await counted(ctx, 'knit_sweep_found_total')).toEqual(found)
  await tick(sweep, ctx)
  expect(await counted(ctx, 'knit_events_direct_total')).toEqual({})
  await tick(sweep, ctx)
  expect(await counted(ctx, 'knit_events_direct_total')).toEqual({ 'run.ready': 2 })
})
