import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { changeTags } from '#shared/database/data.ts'
import { beginUpload } from '#shared/database/uploads.ts'
import { findDue } from '#shared/database/due.ts'
import { showPlans } from '#shared/database/plan-view.ts'
import { matchPlan } from '#shared/database/matching.ts'
import { countNew } from '#shared/database/projection.ts'
import { setPlanActive } from '#shared/database/plans.ts'
import type { Sql } from '#shared/database/sql.ts'
import type { Gate } from '#tests/support/gate/gate.ts'
import { gatedSql } from '#tests/support/gate/gated-sql.ts'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { historyOf } from '#tests/support/runs.ts'
import { deliver, outbox, test, type TestWorld } from '#tests/support/world.ts'
import matchData from '../match-data/function.ts'
import projectRuns from './function.ts'

const by = { actor: 'test' }

async function match(ctx: TestWorld): Promise<void> {
  await deliver(matchData, ctx, 'plan.registered', { planId: randomUUID() })
}

const project = (ctx: TestWorld, planId: string): Promise<Response> =>
  deliver(projectRuns, ctx, 'data.nominated', { planId })

/** The combinations of a plan's runs, each as its data in the order of the paths. */
async function combinations(ctx: TestWorld, planId: string): Promise<string[]> {
  const rows = await ctx.sql<{ data: string }[]>`
    select string_agg(assign.knit_id::text, ' ' order by input.path) as data
      from assign
      join input on input.id = input_id
     where assign.plan_id = ${planId}
     group by run_id
     order by data`
  return rows.map(({ data }) => data)
}

const runsOf = (ctx: TestWorld, planId: string) =>
  ctx.sql<{ id: string; status: string }[]>`
    select id, status from run where plan_id = ${planId} order by id`

const dueNominations = async (ctx: TestWorld): Promise<number> =>
  (await ctx.sql`select from nomination where due`).length

test('every new combination becomes a run that waits, with its outputs, and one event for all of them', async ({
  ctx,
}) => {
  const plan = await makePlan(ctx, {
    inputs: { '/a': ['a:1'], '/b': ['b:1'] },
    outputs: { '/x': ['made:x'], '/y': [] },
    log: ['made:log'],
  })
  const a1 = await makeData(ctx, 'a:1')
  const a2 = await makeData(ctx, 'a:1')
  const b1 = await makeData(ctx, 'b:1')
  await match(ctx)
  await ctx.sql`delete from outbox`
  expect((await project(ctx, plan)).status).toBe(202)
  expect(await combinations(ctx, plan)).toEqual([`${a1} ${b1}`, `${a2} ${b1}`].toSorted())
  const runs = await runsOf(ctx, plan)
  expect(runs.map(({ status }) => status)).toEqual(['waiting', 'waiting'])
  for (const { id } of runs) {
    expect(await historyOf(ctx, id)).toEqual(['waiting'])
    const outputs = await ctx.sql`
      select path, tag.key || ':' || tag.value as tag, ready, ended_at
        from data
        join output on output.id = output_id
        left join tag on tag.id = any (data.tags)
       where run_id = ${id}
       order by position`
    expect(outputs.map((row) => ({ ...row }))).toEqual([
      { path: '/x', tag: 'made:x', ready: false, ended_at: null },
      { path: '/y', tag: null, ready: false, ended_at: null },
      { path: null, tag: 'made:log', ready: false, ended_at: null },
    ])
  }
  expect(await outbox(ctx)).toEqual([{ type: 'run.waiting', data: { planId: plan } }])
  expect(await dueNominations(ctx)).toBe(0)
})

test('a plan told twice to project makes its runs once, and says so once', async ({ ctx }) => {
  const plan = await makePlan(ctx, { inputs: { '/in': ['a:1'] } })
  await makeData(ctx, 'a:1')
  await match(ctx)
  await ctx.sql`delete from outbox`
  await project(ctx, plan)
  await project(ctx, plan)
  await ctx.sql`update nomination set due = true`
  await project(ctx, plan)
  expect(await runsOf(ctx, plan)).toHaveLength(1)
  expect(await outbox(ctx)).toEqual([{ type: 'run.waiting', data: { planId: plan } }])
})

test('a plan that does not exist has nothing to project', async ({ ctx }) => {
  expect((await project(ctx, randomUUID())).status).toBe(202)
})

test('runs of an inactive plan are held, and wait once it is activated', async ({ ctx }) => {
  const plan = await makePlan(ctx, { inputs: { '/in': ['a:1'] } }, { active: false })
  await makeData(ctx, 'a:1')
  await match(ctx)
  await ctx.sql`delete from outbox`
  await project(ctx, plan)
  expect(await runsOf(ctx, plan)).toMatchObject([{ status: 'deactivated' }])
  expect(await outbox(ctx)).toEqual([{ type: 'run.deactivated', data: { planId: plan } }])
  await setPlanActive(ctx.sql, plan, true, by)
  expect(await runsOf(ctx, plan)).toMatchObject([{ status: 'waiting' }])
})

test('the same data in two inputs of one plan is one combination with itself', async ({ ctx }) => {
  const plan = await makePlan(ctx, { inputs: { '/x': ['a:1'], '/y': ['a:1'] } })
  const one = await makeData(ctx, 'a:1')
  const two = await makeData(ctx, 'a:1')
  await match(ctx)
  await project(ctx, plan)
  expect(await combinations(ctx, plan)).toEqual(
    [`${one} ${one}`, `${one} ${two}`, `${two} ${one}`, `${two} ${two}`].toSorted(),
  )
})

test('a nomination whose data no longer carries the tag is deleted, and makes no run', async ({
  ctx,
}) => {
  const plan = await makePlan(ctx, { inputs: { '/in': ['a:1'] } })
  const knitId = await makeData(ctx, 'a:1')
  await match(ctx)
  // As a match leaves it that had read the old tags when they were taken away.
  await ctx.sql`update data set tags = '{}' where id = ${knitId}`
  await project(ctx, plan)
  expect(await runsOf(ctx, plan)).toEqual([])
  expect(await ctx.sql`select from nomination`).toHaveLength(0)
  await changeTags(ctx.sql, knitId, { add: [{ key: 'a', value: '1' }] }, 100, by)
  await match(ctx)
  await project(ctx, plan)
  expect(await combinations(ctx, plan)).toEqual([knitId])
})

test('a nomination of data that are not done, or not those asked for, makes no run', async ({
  ctx,
}) => {
  const wanted = await makeData(ctx)
  const other = await makeData(ctx)
  const upload = await beginUpload(ctx.sql, [], 60, by)
  const plan = await makePlan(ctx, {
    inputs: {
      '/id': [`knit#id:${wanted}`],
      '/time': ['knit#timestamp:2026-01-02T03:04:05Z'],
      '/done': [`knit#id:${upload.knitId}`],
    },
  })
  const pairs = { '/id': other, '/time': other, '/done': upload.knitId }
  for (const [path, knitId] of Object.entries(pairs))
    await ctx.sql`
      insert into nomination (input_id, knit_id, plan_id)
      select id, ${knitId}, plan_id from input where path = ${path}`
  await project(ctx, plan)
  expect(await runsOf(ctx, plan)).toEqual([])
  expect(await ctx.sql`select from nomination`).toHaveLength(0)
})

test('an empty product re-checks its nomination all the same', async ({ ctx }) => {
  const plan = await makePlan(ctx, { inputs: { '/a': ['a:1'], '/b': ['b:1'] } })
  const a = await makeData(ctx, 'a:1')
  await match(ctx)
  await ctx.sql`update data set tags = '{}' where id = ${a}`
  await project(ctx, plan)
  expect(await ctx.sql`select from nomination`).toHaveLength(0)
  // The tag comes back, and only then the other data: nothing may say "already nominated".
  await changeTags(ctx.sql, a, { add: [{ key: 'a', value: '1' }] }, 100, by)
  const b = await makeData(ctx, 'b:1')
  await match(ctx)
  await project(ctx, plan)
  expect(await combinations(ctx, plan)).toEqual([`${a} ${b}`])
})

test('a nomination that fits but has no partner yet is settled, and combined when the partner comes', async ({
  ctx,
}) => {
  const plan = await makePlan(ctx, { inputs: { '/a': ['a:1'], '/b': ['b:1'] } })
  const a = await makeData(ctx, 'a:1')
  await match(ctx)
  await project(ctx, plan)
  expect(await dueNominations(ctx)).toBe(0)
  const b = await makeData(ctx, 'b:1')
  await match(ctx)
  await project(ctx, plan)
  expect(await combinations(ctx, plan)).toEqual([`${a} ${b}`])
})

test('a stale partner makes no run, and is deleted', async ({ ctx }) => {
  const plan = await makePlan(ctx, { inputs: { '/a': ['a:1'], '/b': ['b:1'] } })
  const stale = await makeData(ctx, 'b:1')
  const good = await makeData(ctx, 'b:1')
  await match(ctx)
  await project(ctx, plan)
  await ctx.sql`update data set tags = '{}' where id = ${stale}`
  const a = await makeData(ctx, 'a:1')
  await match(ctx)
  await project(ctx, plan)
  expect(await combinations(ctx, plan)).toEqual([`${a} ${good}`])
  expect(await ctx.sql`select from nomination where knit_id = ${stale}`).toHaveLength(0)
})

/** A projection that stands still before it holds its data, until it may go on. */
async function projectHalf(ctx: TestWorld, planId: string) {
  const reached = Promise.withResolvers<void>()
  const mayGoOn = Promise.withResolvers<void>()
  let hasListed = false
  const gate: Gate = async (call, make) => {
    hasListed ||= /^select from data where .* for share$/.test(call.what)
    if (hasListed) {
      reached.resolve()
      await mayGoOn.promise
    }
    return make()
  }
  const slow = project({ ...ctx, sql: gatedSql(ctx.sql, gate) }, planId)
  await reached.promise
  return (): Promise<Response> => {
    mayGoOn.resolve()
    return slow
  }
}

test('a combination is made though a tag went and came back while one of two projections stood still', async ({
  ctx,
}) => {
  const plan = await makePlan(ctx, { inputs: { '/a': ['a:1'], '/b': ['b:1'] } })
  const b = await makeData(ctx, 'b:1')
  await match(ctx)
  const goOn = await projectHalf(ctx, plan)
  const tag = [{ key: 'b', value: '1' }]
  await changeTags(ctx.sql, b, { remove: tag }, 100, by)
  const a = await makeData(ctx, 'a:1')
  await match(ctx)
  // It leaves out a partner that it may not forget.
  await project(ctx, plan)
  await changeTags(ctx.sql, b, { add: tag }, 100, by)
  await match(ctx)
  expect((await goOn()).status).toBe(202)
  expect(await dueNominations(ctx)).toBe(1)
  await project(ctx, plan)
  expect(await combinations(ctx, plan)).toEqual([`${a} ${b}`])
  expect(await dueNominations(ctx)).toBe(0)
})

test('a combination whose run was deleted is never made again', async ({ ctx }) => {
  const plan = await makePlan(ctx, { inputs: { '/in': ['a:1'] } })
  await makeData(ctx, 'a:1')
  await match(ctx)
  await project(ctx, plan)
  for (const status of ['aborting', 'failed', 'invalidated'])
    await ctx.sql`update run set status = ${status} where plan_id = ${plan}`
  await ctx.sql`update nomination set due = true`
  await project(ctx, plan)
  expect(await runsOf(ctx, plan)).toMatchObject([{ status: 'invalidated' }])
})

/** Many done data with one tag, in one statement. */
async function makeMany(ctx: TestWorld, tag: string, count: number): Promise<void> {
  const model = await makeData(ctx, tag)
  await ctx.sql`
    with made as (
      insert into run (plan_id, status)
      select run.plan_id, run.status
        from run, generate_series(2, ${count})
       where run.id = (select run_id from data where id = ${model})
      returning id
    ), written as (
      insert into data (plan_id, run_id, output_id, tags, ready, ended_at)
      select plan_id, made.id, output_id, tags, ready, ended_at
        from data, made
       where data.id = ${model}
      returning id
    )
    insert into match_task (knit_id) select id from written`
}

/** The world after a crash is due: the transaction of this number, and each after it, fails to begin. */
function crashingAt(ctx: TestWorld, number: number): TestWorld {
  let begun = 0
  const sql = new Proxy(ctx.sql, {
    get(target, property, receiver) {
      if (property !== 'begin') return Reflect.get(target, property, receiver)
      return (work: Parameters<Sql['begin']>[1]) => {
        begun += 1
        if (begun >= number) throw new Error('the process died')
        return target.begin(work)
      }
    },
  })
  return { ...ctx, sql }
}

test('a product larger than one batch is continued where it was left', async ({ ctx }) => {
  const plan = await makePlan(ctx, { inputs: { '/a': ['a:1'], '/b': ['b:1'] } })
  await makeMany(ctx, 'b:1', 1300)
  await match(ctx)
  await project(ctx, plan)
  await makeMany(ctx, 'a:1', 2)
  await match(ctx)
  expect((await project(crashingAt(ctx, 2), plan)).status).toBe(500)
  // The first batch is committed and can be seen.
  expect(await runsOf(ctx, plan)).toHaveLength(1000)
  expect(await ctx.sql`select from nomination where cursor is not null`).toHaveLength(1)
  expect((await project(crashingAt(ctx, 2), plan)).status).toBe(500)
  expect(await runsOf(ctx, plan)).toHaveLength(2000)
  expect((await project(ctx, plan)).status).toBe(202)
  const made = await combinations(ctx, plan)
  expect(made).toHaveLength(2600)
  expect(new Set(made).size).toBe(2600)
  expect(await dueNominations(ctx)).toBe(0)
})

test('a batch that ends with the last combination of a data goes on with the next data', async ({
  ctx,
}) => {
  const plan = await makePlan(ctx, { inputs: { '/a': ['a:1'], '/b': ['b:1'] } })
  await makeMany(ctx, 'b:1', 500)
  await match(ctx)
  await project(ctx, plan)
  await makeMany(ctx, 'a:1', 5)
  await match(ctx)
  await project(ctx, plan)
  expect(await runsOf(ctx, plan)).toHaveLength(2500)
  expect(await dueNominations(ctx)).toBe(0)
})

test('a partner that comes while a large product is being made is combined with all of it', async ({
  ctx,
}) => {
  const plan = await makePlan(ctx, { inputs: { '/a': ['a:1'], '/b': ['b:1'] } })
  await makeMany(ctx, 'b:1', 1100)
  await match(ctx)
  await project(ctx, plan)
  await makeData(ctx, 'a:1')
  await match(ctx)
  await project(crashingAt(ctx, 2), plan)
  const late = await makeData(ctx, 'b:1')
  // Its id comes before where the product was left.
  const early = randomUUID().replace(/^.{8}/, '00000000')
  await ctx.sql`delete from match_task`
  await ctx.sql`update data set id = ${early} where id = ${late}`
  await ctx.sql`insert into match_task (knit_id) values (${early})`
  await match(ctx)
  await project(ctx, plan)
  expect(await runsOf(ctx, plan)).toHaveLength(1101)
  expect(await dueNominations(ctx)).toBe(0)
})

test('a plan that would create more runs than may be created unasked pauses, says how many, and goes on when allowed', async ({
  ctx,
}) => {
  ctx.config.maxCombinations = 5
  const plan = await makePlan(ctx, { inputs: { '/a': ['a:1'], '/b': ['b:1'] } })
  for (let made = 0; made < 3; made += 1) {
    await makeData(ctx, 'a:1')
    await makeData(ctx, 'b:1')
  }
  await match(ctx)
  await ctx.sql`delete from outbox`
  const wouldCreate = async () => (await pauseOf(ctx, plan))?.wouldCreate
  await project(ctx, plan)
  expect(await runsOf(ctx, plan)).toEqual([])
  expect(await wouldCreate()).toBe(9)
  expect(await dueNominations(ctx)).toBe(6)
  await project(ctx, plan)
  expect(await runsOf(ctx, plan)).toEqual([])
  await allow(ctx, plan, 8)
  expect(await outbox(ctx)).toEqual([])
  expect(await wouldCreate()).toBe(9)
  await allow(ctx, plan, 9)
  expect(await outbox(ctx)).toEqual([{ type: 'data.nominated', data: { planId: plan } }])
  await project(ctx, plan)
  expect(await runsOf(ctx, plan)).toHaveLength(9)
  expect(await wouldCreate()).toBeUndefined()
  expect(await dueNominations(ctx)).toBe(0)

  // What was allowed was for those: more of them are asked for again.
  for (let made = 0; made < 3; made += 1) await makeData(ctx, 'a:1')
  await match(ctx)
  await project(ctx, plan)
  expect(await runsOf(ctx, plan)).toHaveLength(9)
  expect(await wouldCreate()).toBe(9)
})

test('however many project a plan at the same time, it is paused, and an allowance is used up once', async ({
  ctx,
}) => {
  ctx.config.maxCombinations = 5
  const plan = await makePlan(ctx, { inputs: { '/a': ['a:1'], '/b': ['b:1'] } })
  await makeMany(ctx, 'a:1', 3)
  await makeMany(ctx, 'b:1', 3)
  await match(ctx)
  const projectByMany = () => Promise.all(Array.from({ length: 6 }, () => project(ctx, plan)))
  const served = (answers: Response[]) => answers.map(({ status }) => status)
  expect(served(await projectByMany())).toEqual(Array(6).fill(202))
  const [paused] = await showPlans(ctx.sql, [plan])
  expect(paused?.paused).toMatchObject({ wouldCreate: 9 })

  await ctx.sql.begin((tx) => setPlanActive(tx, plan, true, by, 9))
  expect(served(await projectByMany())).toEqual(Array(6).fill(202))
  expect(await runsOf(ctx, plan)).toHaveLength(9)
  expect(await ctx.sql`select from plan where id = ${plan} and allowed is not null`).toHaveLength(0)
})

test('what a registration nominates page by page is counted as the one event it is', async ({
  ctx,
}) => {
  for (let made = 0; made < 12; made += 1) await makeData(ctx, 'a:1')
  await match(ctx)
  const planId = await makePlan(ctx, { inputs: { '/a': ['a:1'] } })
  const [input] = await ctx.sql<{ id: number }[]>`select id from input where plan_id = ${planId}`
  const plan = { planId, inputs: [input?.id ?? 0] }
  const counts: number[] = []
  for (let after: string | null = null, pages = 0; pages < 3; pages += 1) {
    const next = await ctx.sql.begin((tx) => matchPlan(tx, planId, after, 6, by))
    counts.push(await ctx.sql.begin((tx) => countNew(tx, plan, 100)))
    await ctx.sql`update nomination set due = false where plan_id = ${planId}`
    after = next ?? null
  }
  expect(counts).toEqual([5, 10, 12])
  await ctx.sql`delete from match_task where plan_id = ${planId}`
  expect(await ctx.sql.begin((tx) => countNew(tx, plan, 100))).toBe(0)
})

const pauseOf = async (ctx: TestWorld, planId: string) => {
  const [shown] = await showPlans(ctx.sql, [planId])
  return shown?.paused
}

const allow = (ctx: TestWorld, planId: string, count: number) =>
  ctx.sql.begin((tx) => setPlanActive(tx, planId, true, by, count))

test('a plan with one input says at once how many runs it would create, and goes on when so many are allowed', async ({
  ctx,
}) => {
  ctx.config.maxCombinations = 3
  const plan = await makePlan(ctx, { inputs: { '/in': ['a:1'] } })
  await makeMany(ctx, 'a:1', 10)
  await match(ctx)
  await project(ctx, plan)
  expect(await pauseOf(ctx, plan)).toEqual({
    wouldCreate: 10,
    message: `It would create up to 10 runs. If that is meant: knit plan active yes ${plan} --allow N`,
  })
  await allow(ctx, plan, 10)
  await project(ctx, plan)
  expect(await runsOf(ctx, plan)).toHaveLength(10)
  expect(await pauseOf(ctx, plan)).toBeUndefined()
})

test('new data for several inputs are counted together, and never more runs are made than were allowed', async ({
  ctx,
}) => {
  const plan = await makePlan(ctx, { inputs: { '/a': ['a:1'], '/b': ['b:1'] } })
  await makeMany(ctx, 'a:1', 2)
  await makeMany(ctx, 'b:1', 3)
  await match(ctx)
  await project(ctx, plan)
  expect(await runsOf(ctx, plan)).toHaveLength(6)
  ctx.config.maxCombinations = 5
  await makeMany(ctx, 'a:1', 1)
  await makeMany(ctx, 'b:1', 7)
  await match(ctx)
  await project(ctx, plan)
  // 3 × 10, without the 2 × 3 that are there.
  expect(await pauseOf(ctx, plan)).toMatchObject({ wouldCreate: 24 })
  await allow(ctx, plan, 23)
  expect(await pauseOf(ctx, plan)).toMatchObject({ wouldCreate: 24 })
  await allow(ctx, plan, 24)
  await project(ctx, plan)
  expect(await runsOf(ctx, plan)).toHaveLength(30)
  expect(await pauseOf(ctx, plan)).toBeUndefined()
})

test('who allows fewer runs than there would be by now hears at once how many those are', async ({
  ctx,
}) => {
  ctx.config.maxCombinations = 3
  const plan = await makePlan(ctx, { inputs: { '/in': ['a:1'] } })
  await makeMany(ctx, 'a:1', 4)
  await match(ctx)
  await project(ctx, plan)
  await makeMany(ctx, 'a:1', 2)
  await match(ctx)
  await allow(ctx, plan, 4)
  expect(await pauseOf(ctx, plan)).toMatchObject({ wouldCreate: 6 })
})

test('while a plan is still being matched its count says that there may be more, and is right in the end', async ({
  ctx,
}) => {
  ctx.config.maxCombinations = 3
  await makeMany(ctx, 'a:1', 12)
  await match(ctx)
  const plan = await makePlan(ctx, { inputs: { '/in': ['a:1'] } })
  await ctx.sql.begin(async (tx) => {
    const next = await matchPlan(tx, plan, null, 6, by)
    await tx`update match_task set cursor = ${next ?? null} where plan_id = ${plan}`
  })
  await project(ctx, plan)
  expect(await pauseOf(ctx, plan)).toMatchObject({
    wouldCreate: 5,
    message: expect.stringContaining('5 runs, or more: what fits it is still being looked for'),
  })
  await match(ctx)
  expect(await pauseOf(ctx, plan)).toMatchObject({
    wouldCreate: 12,
    message: expect.stringContaining('up to 12 runs.'),
  })
})

test('what is allowed of a plan that is still being matched holds until all of it is', async ({
  ctx,
}) => {
  ctx.config.maxCombinations = 3
  await makeMany(ctx, 'a:1', 12)
  await match(ctx)
  const plan = await makePlan(ctx, { inputs: { '/in': ['a:1'] } })
  await ctx.sql.begin(async (tx) => {
    const next = await matchPlan(tx, plan, null, 6, by)
    await tx`update match_task set cursor = ${next ?? null} where plan_id = ${plan}`
  })
  await project(ctx, plan)
  await allow(ctx, plan, 12)
  await project(ctx, plan)
  expect(await runsOf(ctx, plan)).toHaveLength(5)
  await match(ctx)
  await project(ctx, plan)
  expect(await runsOf(ctx, plan)).toHaveLength(12)
  await makeMany(ctx, 'a:1', 4)
  await match(ctx)
  await project(ctx, plan)
  expect(await pauseOf(ctx, plan)).toMatchObject({ wouldCreate: 4 })
})

test('what is allowed is for what is due then: a plan that waits for nothing gets no leave for what comes later', async ({
  ctx,
}) => {
  ctx.config.maxCombinations = 3
  const plan = await makePlan(ctx, { inputs: { '/a': ['a:1'], '/b': ['b:1'] } })
  await makeMany(ctx, 'a:1', 10)
  await match(ctx)
  await project(ctx, plan)
  await allow(ctx, plan, 1000)
  await project(ctx, plan)
  await makeData(ctx, 'b:1')
  await match(ctx)
  await project(ctx, plan)
  expect(await runsOf(ctx, plan)).toEqual([])
  expect(await pauseOf(ctx, plan)).toMatchObject({ wouldCreate: 10 })
})

test('leave for runs of which nothing is left is over, once that is seen', async ({ ctx }) => {
  ctx.config.maxCombinations = 3
  const plan = await makePlan(ctx, { inputs: { '/in': ['a:1'] } })
  await makeMany(ctx, 'a:1', 5)
  await match(ctx)
  await project(ctx, plan)
  await allow(ctx, plan, 5)
  await ctx.sql`delete from nomination`
  await project(ctx, plan)
  await makeMany(ctx, 'a:1', 5)
  await match(ctx)
  await project(ctx, plan)
  expect(await runsOf(ctx, plan)).toEqual([])
})

test('ten inputs with many data each pause a plan at once', async ({ ctx }) => {
  const paths = Array.from({ length: 10 }, (_, index) => `/in/${index}`)
  const plan = await makePlan(ctx, {
    inputs: Object.fromEntries(paths.map((path) => [path, ['a:1']])),
  })
  for (let made = 0; made < 60; made += 1) await makeData(ctx, 'a:1')
  await match(ctx)
  await project(ctx, plan)
  expect(await runsOf(ctx, plan)).toEqual([])
  const [shown] = await showPlans(ctx.sql, [plan])
  expect(shown?.paused?.wouldCreate).toBeCloseTo(60 ** 10, -10)
  expect(shown?.paused?.message).toBe(
    `It would create up to 10^17 runs. If that is meant: knit plan active yes ${plan} --allow N`,
  )
})

test('a large product that is allowed is made portion by portion, to its end', async ({ ctx }) => {
  const plan = await makePlan(ctx, { inputs: { '/a': ['a:1'], '/b': ['b:1'], '/c': ['b:1'] } })
  await makeData(ctx, 'a:1')
  for (let made = 0; made < 35; made += 1) await makeData(ctx, 'b:1')
  await match(ctx)
  await project(ctx, plan)
  expect(new Set(await combinations(ctx, plan)).size).toBe(35 * 35)
})

test('a paused plan is not projected again and again', async ({ ctx }) => {
  ctx.config.maxCombinations = 1
  const plan = await makePlan(ctx, { inputs: { '/a': ['a:1'] } })
  await makeData(ctx, 'a:1')
  await makeData(ctx, 'a:1')
  await match(ctx)
  const due = async () => (await findDue(ctx.sql, 10, 1)).map(({ name }) => name)
  expect(await due()).toContain('data.nominated')
  await project(ctx, plan)
  expect(await due()).not.toContain('data.nominated')
})
