import { expect } from 'vitest'
import { changeTags } from '#shared/database/data.ts'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { makeRun } from '#tests/support/runs.ts'
import { deliver, outbox, test, type TestWorld } from '#tests/support/world.ts'
import matchData from './function.ts'

const by = { actor: 'test' }

/** The pairs of input path and data that are nominated for a plan. */
async function nominated(ctx: TestWorld, planId: string): Promise<string[]> {
  const rows = await ctx.sql<{ pair: string }[]>`
    select input.path || ' ' || nomination.knit_id as pair
      from nomination
      join input on input.id = input_id
     where input.plan_id = ${planId}
     order by pair`
  return rows.map(({ pair }) => pair)
}

async function match(ctx: TestWorld): Promise<number> {
  const response = await deliver(matchData, ctx, 'data.tagged', {
    knitId: '00000000-0000-4000-8000-000000000000',
  })
  return response.status
}

test('a data is nominated for the inputs all of whose tags it carries, and for no other', async ({
  ctx,
}) => {
  const plan = await makePlan(ctx, {
    inputs: {
      '/one': ['a:1'],
      '/both': ['a:1', 'b:2'],
      '/more': ['a:1', 'b:2', 'c:3'],
      '/value': ['a:2'],
      '/case': ['A:1'],
    },
  })
  const knitId = await makeData(ctx, 'a:1', 'b:2', 'z:9')
  expect(await match(ctx)).toBe(202)
  expect(await nominated(ctx, plan)).toEqual([`/both ${knitId}`, `/one ${knitId}`])
})

test('a data fits two plans and two inputs of one plan at the same time', async ({ ctx }) => {
  const one = await makePlan(ctx, { inputs: { '/x': ['a:1'], '/y': ['a:1'] } })
  const two = await makePlan(ctx, { inputs: { '/in': ['a:1'] } })
  const knitId = await makeData(ctx, 'a:1')
  await match(ctx)
  expect(await nominated(ctx, one)).toEqual([`/x ${knitId}`, `/y ${knitId}`])
  expect(await nominated(ctx, two)).toEqual([`/in ${knitId}`])
})

test('an input that asks for knit#id is filled by that data alone, when it has the other tags too', async ({
  ctx,
}) => {
  const wanted = await makeData(ctx, 'a:1')
  await makeData(ctx, 'a:1')
  const plan = await makePlan(ctx, {
    inputs: { '/id': [`knit#id:${wanted}`], '/tags': [`knit#id:${wanted}`, 'b:2'] },
  })
  await match(ctx)
  expect(await nominated(ctx, plan)).toEqual([`/id ${wanted}`])
  await changeTags(ctx.sql, wanted, { add: [{ key: 'b', value: '2' }] }, 100, by)
  await match(ctx)
  expect(await nominated(ctx, plan)).toEqual([`/id ${wanted}`, `/tags ${wanted}`])
})

test('an input that asks for knit#timestamp is filled by data of that instant, as users see it', async ({
  ctx,
}) => {
  const before = await makeData(ctx)
  const after = await makeData(ctx)
  await ctx.sql`update data set ended_at = '2026-01-02T03:04:05.678Z'`
  const plan = await makePlan(ctx, {
    inputs: {
      '/same': ['knit#timestamp:2026-01-02T12:04:05.678+09:00'],
      '/other': ['knit#timestamp:2026-01-02T03:04:05.679+00:00'],
    },
  })
  await ctx.sql`delete from match_task where knit_id = ${before}`
  await match(ctx)
  expect(await nominated(ctx, plan)).toEqual([`/same ${before}`, `/same ${after}`].toSorted())
})

test('a data that ends at the instant a registered plan asks for is found', async ({ ctx }) => {
  const time = 'knit#timestamp:2026-01-02T03:04:05.6+00:00'
  const plan = await makePlan(ctx, { inputs: { '/time': [time], '/both': [time, 'a:1'] } })
  await match(ctx)
  const knitId = await makeData(ctx, 'a:1')
  await ctx.sql`update data set ended_at = '2026-01-02T03:04:05.6Z'`
  await match(ctx)
  expect(await nominated(ctx, plan)).toEqual([`/both ${knitId}`, `/time ${knitId}`])
})

test('a data that ends later fills no input that asks for another data, or another time', async ({
  ctx,
}) => {
  const wanted = await makeData(ctx)
  const plan = await makePlan(ctx, {
    inputs: {
      '/id': ['a:1', `knit#id:${wanted}`],
      '/time': ['a:1', 'knit#timestamp:2026-01-02T03:04:05Z'],
      '/only': [`knit#id:${wanted}`, 'knit#timestamp:2026-01-02T03:04:05Z'],
    },
  })
  await makeData(ctx, 'a:1')
  await match(ctx)
  expect(await nominated(ctx, plan)).toEqual([])
})

test('a plan registered later finds the data that were there before', async ({ ctx }) => {
  const knitId = await makeData(ctx, 'a:1')
  await match(ctx)
  await ctx.sql`delete from outbox`
  const plan = await makePlan(ctx, { inputs: { '/in': ['a:1'] } })
  await match(ctx)
  expect(await nominated(ctx, plan)).toEqual([`/in ${knitId}`])
  expect(await outbox(ctx)).toContainEqual({ type: 'data.nominated', data: { planId: plan } })
})

test('an inactive plan is matched like an active one', async ({ ctx }) => {
  const plan = await makePlan(ctx, { inputs: { '/in': ['a:1'] } }, { active: false })
  const knitId = await makeData(ctx, 'a:1')
  await match(ctx)
  expect(await nominated(ctx, plan)).toEqual([`/in ${knitId}`])
})

test.for(['waiting', 'running', 'completing', 'failed', 'invalidated'] as const)(
  'the output of a run that is %s fits nothing, whatever its tags',
  async (status, { ctx }) => {
    const plan = await makePlan(ctx, { inputs: { '/in': ['a:1'] } })
    const run = await makeRun(ctx, { status })
    for (const knitId of run.outputs)
      await changeTags(ctx.sql, knitId, { add: [{ key: 'a', value: '1' }] }, 100, by)
    await match(ctx)
    expect(await nominated(ctx, plan)).toEqual([])
  },
)

test('a fact told twice is matched once, and says so once', async ({ ctx }) => {
  const plan = await makePlan(ctx, { inputs: { '/in': ['a:1'] } })
  const knitId = await makeData(ctx, 'a:1')
  await ctx.sql`insert into match_task (knit_id) values (${knitId}), (${knitId})`
  await ctx.sql`delete from outbox`
  await match(ctx)
  await match(ctx)
  await ctx.sql`insert into match_task (knit_id) values (${knitId})`
  await match(ctx)
  expect(await nominated(ctx, plan)).toEqual([`/in ${knitId}`])
  expect(await outbox(ctx)).toEqual([{ type: 'data.nominated', data: { planId: plan } }])
  expect(await ctx.sql`select from match_task`).toHaveLength(0)
})

test('a tag edit that keeps the match projects nothing anew', async ({ ctx }) => {
  await makePlan(ctx, { inputs: { '/in': ['a:1'] } })
  const knitId = await makeData(ctx, 'a:1')
  await match(ctx)
  await ctx.sql`update nomination set due = false`
  await ctx.sql`delete from outbox`
  await changeTags(ctx.sql, knitId, { add: [{ key: 'b', value: '2' }] }, 100, by)
  await match(ctx)
  expect(await ctx.sql`select from nomination where due`).toHaveLength(0)
  expect(await outbox(ctx)).toEqual([{ type: 'data.tagged', data: { knitId } }])
})

test('facts about many data are one event per plan', async ({ ctx }) => {
  const plan = await makePlan(ctx, { inputs: { '/in': ['a:1'] } })
  const other = await makePlan(ctx, { inputs: { '/in': ['a:1', 'b:2'] } })
  for (let made = 0; made < 5; made += 1) await makeData(ctx, 'a:1')
  await makeData(ctx, 'a:1', 'b:2')
  await match(ctx)
  const told = (await outbox(ctx)).filter(({ type }) => type === 'data.nominated')
  expect(told.map(({ data }) => data)).toHaveLength(2)
  expect(told.map(({ data }) => data)).toEqual(
    expect.arrayContaining([{ planId: plan }, { planId: other }]),
  )
})

test('a data deleted while a plan is matched is left out, and the plan is matched all the same', async ({
  ctx,
}) => {
  const stays = await makeData(ctx, 'a:1')
  const goes = await makeData(ctx, 'a:1')
  await match(ctx)
  const plan = await makePlan(ctx, { inputs: { '/in': ['a:1'] } })
  const matching = await ctx.sql.begin(async (tx) => {
    await tx`delete from agent where knit_id = ${goes}`
    await tx`delete from data where id = ${goes}`
    // Not awaited here: it waits for this transaction.
    const result = match(ctx)
    await waitForLock(ctx)
    return { result }
  })
  expect(await matching.result).toBe(202)
  expect(await nominated(ctx, plan)).toEqual([`/in ${stays}`])
  expect(await ctx.sql`select from match_task`).toHaveLength(0)
})

test('a fact that another is matching is left to it', async ({ ctx }) => {
  const plan = await makePlan(ctx, { inputs: { '/in': ['a:1'] } })
  await match(ctx)
  await makeData(ctx, 'a:1')
  await ctx.sql.begin(async (tx) => {
    await tx`select from match_task for update`
    expect(await match(ctx)).toBe(202)
  })
  expect(await nominated(ctx, plan)).toEqual([])
  expect(await ctx.sql`select from match_task`).toHaveLength(1)
})

/** Resolves when a statement of this database waits for a lock. */
async function waitForLock(ctx: TestWorld): Promise<void> {
  for (;;) {
    const waiting = await ctx.sql`
      select from pg_stat_activity
       where datname = current_database()
         and wait_event_type = 'Lock'`
    if (waiting.length > 0) return
  }
}
