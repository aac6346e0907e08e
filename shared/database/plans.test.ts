import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { definePlan, PlanSpec } from '#shared/domain/plan.ts'
import { makePlan } from '#tests/support/makers.ts'
import { historyOf, makeRun, makeSimplePlan, readRun, steal } from '#tests/support/runs.ts'
import { outbox, test, type TestWorld } from '#tests/support/world.ts'
import { until } from '#tests/support/until.ts'
import { showPlans } from './plan-view.ts'
import { registerPlan, setPlanActive, type Registration } from './plans.ts'
import type { Tx } from './sql.ts'

const by = { actor: 'test' }
const limits = { maxTags: 100, maxTagBytes: 4096, maxInputs: 100, maxOutputs: 100 }

type Mounts = { in: string[][]; out?: string[][]; log?: string[] }

/** Registers a plan by the tags of its mount points. */
async function register(ctx: TestWorld, mounts: Mounts, more: object = {}): Promise<Registration> {
  const points = (side: string, tags: string[][] = []) =>
    tags.map((list, index) => ({ path: `/${side}/${index}`, tags: list }))
  const spec = PlanSpec.parse({
    image: `example.test/${randomUUID()}:1`,
    inputs: points('in', mounts.in),
    outputs: points('out', mounts.out),
    ...(mounts.log && { log: { tags: mounts.log } }),
    ...more,
  })
  return registerPlan(ctx.sql, definePlan(spec, limits), by)
}

const ended = (registration: Registration): string => Object.keys(registration)[0] ?? ''

test('a registered plan is there with its task to be matched and its event, or not at all', async ({
  ctx,
}) => {
  const plan = await register(ctx, { in: [['a:1']] })
  const planId = 'planId' in plan ? plan.planId : ''
  expect(await outbox(ctx)).toEqual([{ type: 'plan.registered', data: { planId } }])
  expect(await ctx.sql`select plan_id from match_task`).toEqual([{ plan_id: planId }])
  const [shown] = await showPlans(ctx.sql, [planId])
  expect(shown).toMatchObject({
    planId,
    active: true,
    inputs: [{ path: '/in/0', tags: ['a:1'], upstreams: [] }],
    outputs: [],
    resources: { cpu: '1', memory: '1Gi' },
  })
})

test('an equivalent plan is refused, naming the one there is, also when that is inactive', async ({
  ctx,
}) => {
  const image = 'example.test/same:1'
  const first = await register(ctx, { in: [['a:1'], ['b:1']] }, { image, active: false })
  const second = await register(
    ctx,
    { in: [['a:1', 'a:1'], ['b:1']] },
    { image, resources: { cpu: 9 } },
  )
  expect(second).toEqual({ equivalent: 'planId' in first ? first.planId : '' })
  expect(await outbox(ctx)).toHaveLength(1)
})

/** A registration that has done all but commit when `use` is called. */
async function whileRegistering<T>(
  ctx: TestWorld,
  first: Parameters<typeof register>[1],
  more: object,
  use: () => Promise<T>,
): Promise<[Registration, T]> {
  const done = Promise.withResolvers<void>()
  const commit = Promise.withResolvers<void>()
  const sql = new Proxy(ctx.sql, {
    get: (target, property, receiver) =>
      property === 'begin'
        ? (work: (tx: Tx) => Promise<unknown>) =>
            target.begin(async (tx) => {
              const result = await work(tx)
              done.resolve()
              await commit.promise
              return result
            })
        : Reflect.get(target, property, receiver),
  })
  const registering = register({ ...ctx, sql }, first, more)
  await done.promise
  let over = false
  const used = use().finally(() => (over = true))
  const waits = async () => {
    const waiting = await ctx.sql`
      select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
    return over || waiting.length > 0
  }
  await until(waits)
  commit.resolve()
  return Promise.all([registering, used])
}

test('of equivalent plans registered at the same time one is registered', async ({ ctx }) => {
  const more = { image: 'example.test/race:1' }
  const ends = await whileRegistering(ctx, { in: [['new:tag']] }, more, () =>
    register(ctx, { in: [['new:tag']] }, more),
  )
  expect(ends.map(ended)).toEqual(['planId', 'equivalent'])
})

test('a plan one of whose outputs, or its log, has all tags of one of its inputs is refused', async ({
  ctx,
}) => {
  expect(ended(await register(ctx, { in: [['a:1']], out: [['a:1', 'b:1']] }))).toBe('cycle')
  expect(ended(await register(ctx, { in: [['x:1'], ['a:1']], log: ['a:1'] }))).toBe('cycle')
  expect(ended(await register(ctx, { in: [['a:1', 'b:1']], out: [['a:1'], ['b:1']] }))).toBe(
    'planId',
  )
})

test('a plan that would feed itself through others is refused, however long the way', async ({
  ctx,
}) => {
  for (let step = 0; step < 5; step += 1) {
    const plan = { in: [[`step:${step}`]], out: [[`step:${step + 1}`, 'more:1']] }
    expect(ended(await register(ctx, plan, step === 2 ? { active: false } : {}))).toBe('planId')
  }
  const last = await register(ctx, { in: [['step:5']], out: [['other:1'], ['step:0', 'x:1']] })
  expect(ended(last)).toBe('cycle')
  expect(ended(await register(ctx, { in: [['step:5']], out: [['step:6']] }))).toBe('planId')
  expect(ended(await register(ctx, { in: [['step:3']], log: ['step:2'] }))).toBe('cycle')
})

test('plans that feed the same one by two ways are no cycle', async ({ ctx }) => {
  for (const plan of [
    { in: [['top:1']], out: [['left:1'], ['right:1']] },
    { in: [['left:1']], out: [['joined:l']] },
    { in: [['right:1']], out: [['joined:r']] },
    { in: [['joined:l'], ['joined:r']], out: [['end:1']] },
  ])
    expect(ended(await register(ctx, plan))).toBe('planId')
})

test('an input that asks for one data or one time cannot close a cycle, nor is it fed', async ({
  ctx,
}) => {
  const id = `knit#id:${randomUUID()}`
  const time = 'knit#timestamp:2026-01-02T03:04:05Z'
  const own = await register(ctx, { in: [['a:1', id]], out: [['a:1']] })
  expect(ended(own)).toBe('planId')
  expect(ended(await register(ctx, { in: [['a:1', time]], out: [['a:1']] }))).toBe('planId')
  expect(ended(await register(ctx, { in: [[id]], out: [['a:1']] }))).toBe('planId')
  const [shown] = await showPlans(ctx.sql, ['planId' in own ? own.planId : ''])
  expect(shown?.inputs[0]?.upstreams).toEqual([])
  expect(shown?.outputs[0]?.downstreams).toEqual([])
})

test('of two plans registered at the same time that together are a cycle one is refused', async ({
  ctx,
}) => {
  const ends = await whileRegistering(ctx, { in: [['a:1']], out: [['b:1']] }, {}, () =>
    register(ctx, { in: [['b:1']], out: [['a:1']] }),
  )
  expect(ends.map(ended)).toEqual(['planId', 'cycle'])
})

test('what feeds a plan, and what it feeds, is shown', async ({ ctx }) => {
  const source = await makePlan(ctx, {
    inputs: { '/in': ['raw:1'] },
    outputs: { '/out': ['clean:1', 'more:1'] },
    log: ['log:1'],
  })
  const sink = await makePlan(ctx, { inputs: { '/in': ['clean:1'], '/log': ['log:1'] } })
  const [first, second] = await showPlans(ctx.sql, [source, sink])
  expect(first?.outputs[0]?.downstreams).toMatchObject([
    { plan: { planId: sink }, mountpoint: { path: '/in', tags: ['clean:1'] } },
  ])
  expect(first?.log?.downstreams).toMatchObject([{ mountpoint: { path: '/log' } }])
  expect(second?.inputs).toMatchObject([
    {
      upstreams: [
        { plan: { planId: source }, mountpoint: { path: '/out', tags: ['clean:1', 'more:1'] } },
      ],
    },
    { upstreams: [{ plan: { planId: source }, log: { tags: ['log:1'] } }] },
  ])
})

test('mount points are shown in the order of the plan', async ({ ctx }) => {
  const plan = await makePlan(ctx, {
    inputs: { '/z': ['z:1'], '/a': ['a:1'], '/m': ['m:1'] },
    outputs: { '/9': [], '/1': [] },
  })
  const [shown] = await showPlans(ctx.sql, [plan])
  expect(shown?.inputs.map(({ path }) => path)).toEqual(['/z', '/a', '/m'])
  expect(shown?.outputs.map(({ path }) => path)).toEqual(['/9', '/1'])
})

test('deactivating a plan holds its waiting runs alone, and activating lets them wait again', async ({
  ctx,
}) => {
  const plan = await makeSimplePlan(ctx)
  const waiting = await makeRun(ctx, plan)
  const ready = await makeRun(ctx, { ...plan, status: 'ready' })
  const others = await makeRun(ctx)
  await steal(ctx, waiting.runId)
  const [before] = await ctx.sql`select updated_at from run where id = ${waiting.runId}`
  expect(await setPlanActive(ctx.sql, plan.planId, false, by)).toBe(true)
  expect(await setPlanActive(ctx.sql, plan.planId, false, by)).toBe(true)
  expect(await readRun(ctx, waiting.runId)).toMatchObject({ status: 'deactivated', claim: null })
  expect(await readRun(ctx, ready.runId)).toMatchObject({ status: 'ready' })
  expect(await readRun(ctx, others.runId)).toMatchObject({ status: 'waiting' })
  await setPlanActive(ctx.sql, plan.planId, true, by)
  expect(await readRun(ctx, waiting.runId)).toMatchObject({ status: 'waiting' })
  expect(await historyOf(ctx, waiting.runId)).toEqual(['waiting', 'deactivated', 'waiting'])
  expect(await outbox(ctx)).toEqual([
    { type: 'run.deactivated', data: { planId: plan.planId } },
    { type: 'run.waiting', data: { planId: plan.planId } },
  ])
  expect(await ctx.sql`select updated_at from run where id = ${waiting.runId}`).toEqual([before])
})

test('a built-in plan, or one that does not exist, is not activated', async ({ ctx }) => {
  const [builtIn] = await ctx.sql<
    { id: string }[]
  >`select id from plan where name = 'knit#uploaded'`
  expect(await setPlanActive(ctx.sql, builtIn?.id ?? '', false, by)).toBe(false)
  expect(await setPlanActive(ctx.sql, randomUUID(), true, by)).toBe(false)
})
