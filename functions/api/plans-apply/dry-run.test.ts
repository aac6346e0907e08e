import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { changeTags } from '#shared/database/data.ts'
import type { PlanDetail } from '#shared/domain/plan.ts'
import { parseTag } from '#shared/domain/tag.ts'
import { answer, refusal, test } from '#tests/support/api.ts'
import { makeData } from '#tests/support/makers.ts'
import { makeRunsDue } from '#tests/support/runs.ts'
import { deliver, type TestWorld } from '#tests/support/world.ts'
import matchData from '../../steps/match-data/function.ts'
import find from '../plans-find/function.ts'
import apply from './function.ts'

let made = 0
const spec = (inputs: Record<string, string[]>, more: object = {}) => {
  made += 1
  const mounts = Object.entries(inputs).map(([path, tags]) => ({ path, tags }))
  return { image: `example.test/dry:${made}`, inputs: mounts, ...more }
}
const own = () => `dry:${randomUUID()}`

const tryOut = async (ctx: TestWorld, body: object) =>
  answer<PlanDetail>(apply, ctx, '/api/plans?dryRun', { body })

const look = async (ctx: TestWorld, tag: string) => {
  const query = `dryRun&in_tag=${encodeURIComponent(tag)}`
  const [plan] = await answer<PlanDetail[]>(find, ctx, `/api/plans?${query}`)
  return plan?.dryRun
}

const rowsOf = async ({ sql }: TestWorld) => {
  const tables = ['plan', 'input', 'tag', 'match_task', 'outbox', 'audit', 'request']
  return Promise.all(tables.map((table) => sql`select * from ${sql(table)} order by 1`))
}

test('a plan that is tried out is shown as it would be, and leaves nothing', async ({ ctx }) => {
  const tag = own()
  const [first, second] = [await makeData(ctx, tag), await makeData(ctx, tag)]
  const body = spec(
    { '/in': [tag], '/more': [tag] },
    { outputs: [{ path: '/out', tags: [own()] }] },
  )
  const before = await rowsOf(ctx)
  const { dryRun, ...shown } = await tryOut(ctx, body)
  expect(await rowsOf(ctx)).toEqual(before)
  expect(dryRun).toEqual({
    starts: 4,
    more: false,
    runs: [first, second].flatMap((one) =>
      [first, second].map((other) => ({
        inputs: [
          { path: '/in', knitId: one },
          { path: '/more', knitId: other },
        ],
      })),
    ),
    inputs: [
      { path: '/in', fits: 2, pending: 0 },
      { path: '/more', fits: 2, pending: 0 },
    ],
    reasons: [],
  })
  const registered = await answer<PlanDetail>(apply, ctx, '/api/plans', { body })
  expect({ ...registered, planId: '' }).toEqual({ ...shown, planId: '' })
})

test('as many runs start as were foretold, with what they read', async ({ ctx }) => {
  const [a, b] = [own(), own()]
  for (const tags of [[a], [a, b], [b]]) await makeData(ctx, ...tags)
  const body = spec({ '/a': [a], '/b': [b] })
  const { dryRun } = await tryOut(ctx, body)
  const { planId } = await answer<PlanDetail>(apply, ctx, '/api/plans', { body })
  await makeRunsDue(ctx, planId)
  const runs = await ctx.sql<{ inputs: { path: string; knitId: string }[] }[]>`
    select json_agg(json_build_object('path', path, 'knitId', assign.knit_id) order by position) as inputs
      from assign
      join input on input.id = input_id
     where assign.plan_id = ${planId}
     group by run_id`
  expect(dryRun?.starts).toBe(runs.length)
  expect(dryRun?.runs).toEqual(expect.arrayContaining(runs.map(({ inputs }) => ({ inputs }))))
  // What is there now has been combined.
  expect(await look(ctx, a)).toMatchObject({
    starts: 0,
    runs: [],
    reasons: ['4 of what could be combined has been combined before'],
  })
  const late = await makeData(ctx, a)
  const after = await look(ctx, a)
  expect(after?.starts).toBe(2)
  expect(after?.runs.every(({ inputs }) => inputs[0]?.knitId === late)).toBe(true)
})

test('what is new is told however much has run already, with how much that is', async ({ ctx }) => {
  const tag = own()
  const { planId } = await answer<PlanDetail>(apply, ctx, '/api/plans', {
    body: spec({ '/in': [tag] }),
  })
  const [older, first] = [await makeData(ctx), await makeData(ctx, tag)]
  // More than are looked at.
  await ctx.sql`
    with run as (
      insert into run (plan_id, status)
      select plan_id, 'done' from data, generate_series(1, 1010) where data.id = ${first}
      returning id, plan_id
    )
    insert into data (plan_id, run_id, output_id, tags, ready, ended_at)
    select run.plan_id, run.id, output_id, tags, true, ended_at
      from run, data
     where data.id = ${first}`
  await makeRunsDue(ctx, planId)
  const all = 'at least 1000 of what could be combined has been combined before'
  expect(await look(ctx, tag)).toMatchObject({ starts: 0, more: false, runs: [], reasons: [all] })
  const matched = [await makeData(ctx, tag), await makeData(ctx, tag)]
  await deliver(matchData, ctx, 'data.tagged', { knitId: first })
  const late = await makeData(ctx, tag)
  await changeTags(ctx.sql, older, { add: [parseTag(tag)] }, 100, { actor: 'test' })
  const dryRun = await look(ctx, tag)
  expect(dryRun).toMatchObject({ starts: 4, more: false, inputs: [{ fits: 1000 }] })
  const read = dryRun?.runs.flatMap(({ inputs }) => inputs.map(({ knitId }) => knitId))
  expect(read?.toSorted()).toEqual([older, ...matched, late].toSorted())
})

test('why nothing starts is told: a tag that nothing carries, an inactive plan', async ({
  ctx,
}) => {
  const [tag, never] = [own(), own()]
  await makeData(ctx, tag)
  const { dryRun } = await tryOut(ctx, spec({ '/a': [tag], '/b': [tag, never] }, { active: false }))
  expect(dryRun).toMatchObject({ starts: 0, runs: [] })
  expect(dryRun?.reasons).toEqual([
    expect.stringMatching(new RegExp(`no data that is ready fits /b.*${never}`)),
    expect.stringContaining('inactive'),
  ])
})

test('an id and a time that are asked for are looked at', async ({ ctx }) => {
  const tag = own()
  const [knitId] = [await makeData(ctx, tag), await makeData(ctx, tag)]
  const one = await tryOut(ctx, spec({ '/in': [tag, `knit#id:${knitId}`] }))
  expect(one.dryRun?.runs).toEqual([{ inputs: [{ path: '/in', knitId }] }])
  const late = await tryOut(ctx, spec({ '/in': [tag, 'knit#timestamp:2020-01-01T00:00:00Z'] }))
  expect(late.dryRun?.starts).toBe(0)
})

test('very many are counted as far as they are looked at', async ({ ctx }) => {
  const tag = own()
  await Promise.all(Array.from({ length: 120 }, () => makeData(ctx, tag)))
  const { dryRun } = await tryOut(ctx, spec({ '/a': [tag], '/b': [tag] }))
  expect(dryRun).toMatchObject({ starts: 10_000, more: true })
  expect(dryRun?.runs).toHaveLength(100)
})

test('what stands against a plan is told as if it were registered', async ({ ctx }) => {
  const tag = own()
  const body = spec({ '/in': [tag] })
  await answer(apply, ctx, '/api/plans', { body })
  await refusal(apply, ctx, '/api/plans?dryRun', 'plan-equivalent', { body })
  const circle = spec({ '/in': [tag] }, { outputs: [{ path: '/out', tags: [tag] }] })
  await refusal(apply, ctx, '/api/plans?dryRun', 'plan-cycle', { body: circle })
  const empty = { body: spec({}) }
  await refusal(apply, ctx, '/api/plans?dryRun', 'bad-request', empty)
})

test('with dryRun=false nothing is tried out: the plan is registered', async ({ ctx }) => {
  const body = spec({ '/in': [own()] })
  const plan = await answer<PlanDetail>(apply, ctx, '/api/plans?dryRun=false', { body })
  expect(plan).not.toHaveProperty('dryRun')
  await refusal(apply, ctx, '/api/plans', 'plan-equivalent', { body })
})

test('built-in plans start nothing, and too many plans at once are refused', async ({ ctx }) => {
  const built = await answer<PlanDetail[]>(find, ctx, '/api/plans?dryRun&limit=100')
  const uploaded = built.find(({ name }) => name === 'knit#uploaded')
  expect(uploaded?.dryRun).toMatchObject({ starts: 0, runs: [], inputs: [] })
  for (let i = 0; i < 101; i += 1)
    await answer(apply, ctx, '/api/plans', { body: spec({ '/in': ['many:dry'] }) })
  await refusal(find, ctx, '/api/plans?dryRun&in_tag=many:dry', 'bad-request')
  expect(await answer(find, ctx, '/api/plans?dryRun=no&in_tag=many:dry&limit=100')).toHaveLength(
    100,
  )
})
