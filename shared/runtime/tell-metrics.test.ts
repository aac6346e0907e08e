import { expect } from 'vitest'
import { addDeliveries } from '#shared/database/hooks.ts'
import { keepDeadLetter } from '#shared/database/dead-letters.ts'
import { readSystemState } from '#shared/database/system-state.ts'
import type { Sql } from '#shared/database/sql.ts'
import { showRuns } from '#shared/database/run-view.ts'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { makeRun } from '#tests/support/runs.ts'
import { scrape, valueOf, valuesBy } from '#tests/support/scrape.ts'
import { test, type TestWorld } from '#tests/support/world.ts'
import { tellMetrics } from './tell-metrics.ts'

test('a home in which nothing has happened tells that nothing waits', async ({ ctx }) => {
  const told = await scrape(ctx)
  expect(valueOf(told, 'knit_database_up')).toBe(1)
  expect(valuesBy(told, 'knit_runs', 'status')).toEqual({
    deactivated: 0,
    waiting: 0,
    ready: 0,
    starting: 0,
    running: 0,
    completing: 0,
    aborting: 0,
  })
  expect(valuesBy(told, 'knit_queue_items', 'queue')).toEqual({
    outbox: 0,
    match: 0,
    projection: 0,
    hooks: 0,
    garbage: 0,
  })
  for (const name of ['knit_queue_oldest_seconds', 'knit_run_overdue_seconds', 'knit_dead_letters'])
    expect(new Set(told.get(name)?.samples.map(({ value }) => value))).toEqual(new Set([0]))
})

test('runs that go on are counted by status, those that ended as the planner has it', async ({
  ctx,
}) => {
  await makeRun(ctx, { status: 'running' })
  await makeRun(ctx, { status: 'running' })
  await makeRun(ctx, { status: 'aborting' })
  for (let run = 0; run < 3; run += 1) await makeRun(ctx, { status: 'failed' })
  const [done] = await ctx.sql<{ count: number }[]>`
    select count(*)::integer as count from run where status = 'done'`
  await ctx.sql`analyze run`
  const told = await scrape(ctx)
  expect(valuesBy(told, 'knit_runs', 'status')).toMatchObject({ running: 2, aborting: 1, ready: 0 })
  const ended = valuesBy(told, 'knit_runs_ended_estimate', 'status')
  expect(ended['failed']).toBeCloseTo(3)
  expect(ended['done']).toBeCloseTo(done?.count ?? 0)
})

test('a run that is due and that nobody serves is told of with its age, one that is served is not', async ({
  ctx,
}) => {
  const overdue = async () => valuesBy(await scrape(ctx), 'knit_run_overdue_seconds', 'status')
  const { runId } = await makeRun(ctx, { status: 'ready' })
  await makeRun(ctx, { status: 'completing' })
  await ctx.sql`update run set due_at = now() - interval '1 hour' where id = ${runId}`
  const { ready, starting, completing } = await overdue()
  expect([ready, completing].map((age) => Math.trunc((age ?? 0) / 3600))).toEqual([1, 0])
  expect(starting).toBe(0)
  const hold = (until: string) => ctx.sql`
    update run
       set claim = gen_random_uuid(),
           claimed_by = 'test',
           claimed_until = now() + ${until}::interval
     where id = ${runId}`
  await hold('1 minute')
  expect(await overdue()).toMatchObject({ ready: 0 })
  await hold('-1 second')
  expect((await overdue())['ready']).toBeGreaterThan(3600)
})

test('what waits is counted, and how long the first of it has', async ({ ctx }) => {
  const { sql } = ctx
  await addCalls(ctx, [0, 0, ctx.config.maxHookFailures])
  const plan = await makePlan(ctx, { inputs: { '/in': ['one:1'] } })
  const knitId = await makeData(ctx, 'one:1')
  await sql`update outbox set created_at = now() - interval '2 hours'`
  await sql`update match_task set created_at = now() - interval '3 hours'`
  await sql`update hook_delivery set due_at = now() - interval '4 hours' where failures = 0`
  await sql`
    insert into garbage (volume, due_at)
    values ('a', now() - interval '5 hours'), ('b', now() + interval '1 hour')`
  await sql`
    insert into nomination (input_id, knit_id, plan_id)
    select id, ${knitId}, plan_id from input where plan_id = ${plan}`

  const told = await scrape(ctx)
  const [rows] = await sql<{ outbox: number; match: number }[]>`
    select (select count(*)::integer from outbox) as outbox,
           (select count(*)::integer from match_task) as match`
  const items = valuesBy(told, 'knit_queue_items', 'queue')
  expect(items).toEqual({ ...rows, projection: 1, hooks: 2, garbage: 2 })
  const ages = Object.entries(valuesBy(told, 'knit_queue_oldest_seconds', 'queue'))
  const hours = ages.map(([queue, age]) => [queue, Math.trunc(age / 3600)])
  expect(Object.fromEntries(hours)).toEqual({ outbox: 2, match: 3, hooks: 4, garbage: 5 })
  expect(valueOf(told, 'knit_hook_calls_given_up')).toBe(1)

  await sql`update plan set would_create = 7 where id = ${plan}`
  const paused = await scrape(ctx)
  expect(valueOf(paused, 'knit_plans_paused')).toBe(1)
  expect(valueOf(paused, 'knit_queue_items', { queue: 'projection' })).toBe(0)
})

/** Calls of an after-hook that have failed so often. */
async function addCalls(ctx: TestWorld, failures: number[]): Promise<void> {
  const { runId } = await makeRun(ctx, { status: 'done' })
  const [detail] = await showRuns(ctx.sql, [runId])
  if (!detail) throw new Error('the run is gone')
  const moved = { id: runId, attempt: 1, status: 'done' } as const
  const urls = failures.map((times) => `http://hook.test/${times}`)
  await ctx.sql.begin((tx) => addDeliveries(tx, moved, detail, urls, { actor: 'test' }))
  await ctx.sql`update hook_delivery set failures = substring(url from '\\d+$')::smallint`
}

test('dead letters are counted by the step that did not serve them', async ({ ctx }) => {
  const letter = (subject: string) =>
    keepDeadLetter(
      ctx.sql,
      'start-run',
      { id: subject, name: 'run.ready', subject, data: {}, time: new Date() },
      'why',
    )
  for (const subject of ['a', 'b', 'b']) await letter(subject)
  const told = valuesBy(await scrape(ctx), 'knit_dead_letters', 'step')
  expect(told).toMatchObject({ 'start-run': 2, 'finish-run': 0 })
})

test('of what can grow without end so many are counted', async ({ ctx }) => {
  for (let data = 0; data < 5; data += 1) await makeData(ctx)
  const measured = await readSystemState(ctx.sql, [], 12, 3)
  const items = measured.filter(({ name }) => name === 'knit_queue_items')
  expect(Math.max(...items.map(({ value }) => value))).toBe(3)
})

test('a process whose database is away tells of itself, and that it is', async ({ ctx }) => {
  const sql = (async () => {
    throw new Error('away')
  }) as unknown as Sql
  const told = await scrape({ ...ctx, sql })
  expect(valueOf(told, 'knit_database_up')).toBe(0)
  expect(valueOf(told, 'process_resident_memory_bytes')).toBeGreaterThan(0)
  expect([...told.keys()]).not.toContain('knit_runs')
})

test('however many ask at once for metrics, the database is asked once', async ({ ctx }) => {
  const asked: PromiseWithResolvers<unknown[]>[] = []
  const sql = (() => {
    const question = Promise.withResolvers<unknown[]>()
    asked.push(question)
    return question.promise
  }) as unknown as Sql
  const tell = tellMetrics({ ...ctx, sql }, { ofSystem: true })
  const first = [tell(), tell(), tell()]
  expect(asked).toHaveLength(1)
  asked[0]?.resolve([{ name: 'knit_plans_paused', of: null, value: 5 }])
  for (const answer of await Promise.all(first))
    expect(await answer.text()).toContain('\nknit_plans_paused 5\n')
  const next = tell()
  expect(asked).toHaveLength(2)
  asked[1]?.resolve([])
  await next
})

test('a database that does not answer at all is asked once, however often it is waited for in vain', async ({
  ctx,
}) => {
  let asked = 0
  const sql = (() => {
    asked += 1
    return new Promise(() => {})
  }) as unknown as Sql
  const tell = tellMetrics({ ...ctx, sql }, { ofSystem: true, patience: 0.001 })
  for (let time = 0; time < 3; time += 1)
    expect(await (await tell()).text()).toContain('\nknit_database_up 0\n')
  expect(asked).toBe(1)
})

test('one that does not tell of the system leaves the database in peace', async ({ ctx }) => {
  const sql = (() => {
    throw new Error('it was asked')
  }) as unknown as Sql
  const answer = await tellMetrics({ ...ctx, sql }, { ofSystem: false })()
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
  expect(await answer.text()).toContain('# HELP knit_build_info ')
})
