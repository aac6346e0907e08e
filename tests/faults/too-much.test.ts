import { expect } from 'vitest'
import type { PlanDetail } from '#shared/domain/plan.ts'
import { volumeOf } from '#shared/domain/worker-spec.ts'
import { checkInvariants } from '#shared/runtime/check-invariants.ts'
import { answer, refusal } from '#tests/support/api.ts'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { measured } from '#tests/support/runs.ts'
import { succeeded } from '#tests/support/scripted-cluster.ts'
import { startEngine } from '#tests/support/running-engine.ts'
import { test, type TestWorld } from '#tests/support/world.ts'
import push from '../../functions/api/data-push/function.ts'
import tag from '../../functions/api/data-tag/function.ts'
import apply from '../../functions/api/plans-apply/function.ts'
import show from '../../functions/api/plans-show/function.ts'

const thousand = (what: string) => Array.from({ length: 1000 }, (_, index) => `${what}:${index}`)

const rowsOf = ({ sql }: TestWorld) => sql`
  select (select count(*) from data) as data,
         (select count(*) from plan) as plans,
         (select count(*) from tag) as tags,
         (select count(*) from outbox) as events`

/** Data that no program has made have their volumes then, too. */
async function expectAllHolds(ctx: TestWorld): Promise<void> {
  for (const { id } of await ctx.sql<{ id: string }[]>`select id from data`)
    ctx.cluster.volumes.set(volumeOf(id), measured)
  const checks = await checkInvariants(ctx, 60)
  expect(checks.filter(({ state }) => state !== 'holds')).toEqual([])
}

test('a thousand tags, a thousand inputs, and a value of a megabyte are refused by the cap they break, and leave nothing', async ({
  ctx,
}) => {
  const knitId = await makeData(ctx, 'kind:a')
  const before = await rowsOf(ctx)
  const at = `/api/data/${knitId}`
  const add = (...tags: string[]) => ({ body: { add: tags } })
  expect(await refusal(tag, ctx, at, 'bad-request', add(...thousand('k')))).toMatch(/maxTags.*100/)
  const query = thousand('k').map((text) => `tag=${encodeURIComponent(text)}`)
  expect(await refusal(push, ctx, `/api/data?${query.join('&')}`, 'bad-request')).toMatch(
    /maxTags.*100/,
  )
  const inputs = thousand('k').map((text, index) => ({ path: `/in/${index}`, tags: [text] }))
  const plan = { image: 'example.test/many:1', entrypoint: ['x'], inputs }
  expect(await refusal(apply, ctx, '/api/plans', 'bad-request', { body: plan })).toMatch(
    /maxInputs.*100/,
  )
  const megabyte = `k:${'v'.repeat(1_000_000)}`
  expect(await refusal(tag, ctx, at, 'bad-request', add(megabyte))).toMatch(/maxTagBytes.*4096/)
  expect(await refusal(tag, ctx, at, 'too-large', add(`${megabyte}${megabyte}`))).toMatch(
    /maxBodyBytes/,
  )
  const withValue = { ...plan, inputs: [{ path: '/in', tags: [megabyte] }] }
  expect(await refusal(apply, ctx, '/api/plans', 'too-large', { body: withValue })).toMatch(
    /maxPlanBytes/,
  )
  expect(await rowsOf(ctx)).toEqual(before)
  await expectAllHolds(ctx)
})

test('a plan with ten inputs for each of which there are a thousand data pauses and says how many runs it would create, and others go on', async ({
  ctx,
}) => {
  ctx.cluster.afterRelease = succeeded
  const inputs = Object.fromEntries(
    Array.from({ length: 10 }, (_, index) => [`/in/${index}`, ['kind:a']]),
  )
  const bomb = await makePlan(ctx, { inputs })
  const other = await makePlan(ctx, { inputs: { '/in': ['kind:b'] } })
  for (let made = 0; made < 1000; made += 100)
    await Promise.all(Array.from({ length: 100 }, () => makeData(ctx, 'kind:a')))
  await makeData(ctx, 'kind:b')
  const engine = startEngine(ctx)
  await engine.settle()

  const { paused } = await answer<PlanDetail>(show, ctx, `/api/plans/${bomb}`)
  expect(paused?.wouldCreate).toBeGreaterThan(ctx.config.maxCombinations)
  expect(paused?.message).toMatch(/would create up to 10\^\d+ runs/)
  const runsOf = (planId: string) => ctx.sql`select status from run where plan_id = ${planId}`
  expect(await runsOf(bomb)).toEqual([])
  expect(await runsOf(other)).toEqual([{ status: 'done' }])

  await makeData(ctx, 'kind:b')
  await engine.settle()
  expect(await runsOf(other)).toEqual([{ status: 'done' }, { status: 'done' }])
  expect(await runsOf(bomb)).toEqual([])
  await engine.stop()
  await expectAllHolds(ctx)
})

test('a plan that would feed itself is refused and starts nothing, whatever data there are', async ({
  ctx,
}) => {
  const plan = {
    image: 'example.test/circle:1',
    entrypoint: ['x'],
    inputs: [{ path: '/in', tags: ['kind:a'] }],
    outputs: [{ path: '/out', tags: ['kind:a', 'made:here'] }],
  }
  const said = await refusal(apply, ctx, '/api/plans', 'plan-cycle', { body: plan })
  expect(said).toContain('would run for ever')
  const engine = startEngine(ctx)
  await makeData(ctx, 'kind:a')
  await engine.settle()
  await engine.stop()
  expect(await ctx.sql`select from run where status <> 'done'`).toHaveLength(0)
  await expectAllHolds(ctx)
})
