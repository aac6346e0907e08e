import { expect } from 'vitest'
import { isEnded, runStatuses, type RunStatus } from '#shared/domain/run-states.ts'
import { makeRun } from '#tests/support/runs.ts'
import { test, type TestWorld } from '#tests/support/world.ts'
import { forgetHistory, forgetOld } from './retention.ts'

const keep = { keepEvents: 1, keepDeadEvents: 2, keepHookCalls: 3, keepRequests: 5, keepAudit: 60 }
const keepHistory = 4

/** In each table a row of each of these ages, in days. */
async function fill(ctx: TestWorld, ages: number[]): Promise<void> {
  for (const age of ages) {
    const at = ctx.sql`now() - ${age} * interval '1 day'`
    await ctx.sql`
      insert into outbox (type, subject, data, created_at) values ('run.done', ${age}, '{}', ${at})`
    await ctx.sql`
      insert into dead_letter (step, event, cause, last_at) values (${age}, '{}', '', ${at})`
    await ctx.sql`
      insert into hook_delivery (run_id, attempt, status, url, body, created_at)
      values (gen_random_uuid(), 1, 'done', ${age}, '{}', ${at})`
    await ctx.sql`
      insert into run_history (run_id, attempt, status, actor, at)
      values (gen_random_uuid(), 1, 'done', ${age}, ${at})`
    await ctx.sql`
      insert into request (caller, key, fingerprint, created_at) values ('ann', ${age}, '', ${at})`
    await ctx.sql`insert into removed_volume (volume, removed_at) values (${age}, ${at})`
    await ctx.sql`
      insert into audit (actor, route, subjects, status, request_id, trace, at)
      values (${age}, '', '{}', 200, '', '', ${at})`
  }
}

const left = async (ctx: TestWorld) => {
  const [row] = await ctx.sql`
    select array(select subject from outbox order by id) as events,
           array(select step from dead_letter order by id) as dead,
           array(select url from hook_delivery order by id) as calls,
           array(select actor from run_history order by id) as history,
           array(select key from request order by created_at) as requests,
           array(select volume from removed_volume order by removed_at) as removed,
           array(select actor from audit order by at) as audit`
  return row
}

test('what is older than it is kept is forgotten, and nothing else', async ({ ctx }) => {
  await fill(ctx, [5.5, 4.5, 3.5, 2.5, 1.5, 0.5])
  expect(await forgetOld(ctx.sql, keep, 1000)).toBe(5 + 4 + 3 + 1 + 5)
  await forgetHistory(ctx.sql, keepHistory, 1000)
  expect(await left(ctx)).toEqual({
    events: ['0.5'],
    dead: ['1.5', '0.5'],
    calls: ['2.5', '1.5', '0.5'],
    history: ['3.5', '2.5', '1.5', '0.5'],
    requests: ['4.5', '3.5', '2.5', '1.5', '0.5'],
    removed: ['0.5'],
    audit: ['5.5', '4.5', '3.5', '2.5', '1.5', '0.5'],
  })
  expect(await forgetOld(ctx.sql, keep, 1000)).toBe(0)
})

test('the audit is forgotten when it is older than it is kept', async ({ ctx }) => {
  await fill(ctx, [62, 61, 59])
  await forgetOld(ctx.sql, keep, 1)
  expect(await left(ctx)).toMatchObject({ audit: ['61', '59'] })
  await forgetOld(ctx.sql, keep, 1000)
  expect(await left(ctx)).toMatchObject({ audit: ['59'] })
})

test('it is forgotten in portions, the oldest first', async ({ ctx }) => {
  await fill(ctx, [9, 8, 7])
  expect(await forgetOld(ctx.sql, keep, 2)).toBe(5 * 2)
  expect(await left(ctx)).toMatchObject({ events: ['7'], requests: ['7'] })
  expect(await forgetOld(ctx.sql, keep, 2)).toBe(5)
})

/** A run with a row of history of each of these attempts and ages, in days. */
async function runWith(
  ctx: TestWorld,
  status: RunStatus,
  ...told: [attempt: number, age: number][]
): Promise<string> {
  const { runId } = await makeRun(ctx, { status })
  await ctx.sql`delete from run_history where actor <> 'told'`
  for (const [attempt, age] of told) {
    await ctx.sql`insert into attempt (run_id, number) values (${runId}, ${attempt}) on conflict do nothing`
    await ctx.sql`
      insert into run_history (run_id, attempt, status, actor, at)
      values (${runId}, ${attempt}, 'failed', 'told', now() - ${age} * interval '1 day')`
    await ctx.sql`update run set attempt = ${attempt} where id = ${runId}`
  }
  return runId
}

const attemptsOf = async (ctx: TestWorld, runId: string) => {
  const rows = await ctx.sql`select number from attempt where run_id = ${runId} order by number`
  return rows.map(({ number }) => number as number)
}

test('an attempt is forgotten with its history, but for the last one of a run', async ({ ctx }) => {
  const runId = await runWith(ctx, 'failed', [1, 9], [2, 9])
  await forgetHistory(ctx.sql, keepHistory, 1000)
  expect(await attemptsOf(ctx, runId)).toEqual([2])
  expect(await ctx.sql`select from run_history`).toHaveLength(0)
})

test.for([1, 2, 1000])(
  'an attempt is kept as long as some of its history, which is looked at by %d',
  async (atOnce, { ctx }) => {
    const runId = await runWith(ctx, 'failed', [1, 9], [1, 8], [1, 3], [2, 1])
    await forgetHistory(ctx.sql, keepHistory, atOnce)
    expect(await attemptsOf(ctx, runId)).toEqual([1, 2])
    expect(await ctx.sql`select from run_history`).toHaveLength(2)
    await ctx.sql`update run_history set at = at - interval '2 days'`
    await forgetHistory(ctx.sql, keepHistory, atOnce)
    expect(await attemptsOf(ctx, runId)).toEqual([2])
    expect(await ctx.sql`select from run_history`).toHaveLength(1)
  },
)

test.for(runStatuses)(
  'of a run that is %s, history is forgotten if that is its end',
  async (status, { ctx }) => {
    const runId = await runWith(ctx, status, [1, 9], [2, 9], [2, 9])
    await runWith(ctx, 'done', [1, 9])
    await forgetHistory(ctx.sql, keepHistory, 2)
    const left = await ctx.sql`select run_id as "runId" from run_history`
    expect(left).toEqual(isEnded(status) ? [] : Array.from({ length: 3 }, () => ({ runId })))
    expect(await attemptsOf(ctx, runId)).toEqual(isEnded(status) ? [2] : [1, 2])
  },
)
