import { expect } from 'vitest'
import type { EventName } from '#shared/contracts/events.ts'
import type { RunStatus } from '#shared/domain/run-states.ts'
import type { KnitEvent } from '#shared/ports/event-bus.ts'
import type { EventStep } from '#shared/workflow/triggers.ts'
import { makeData } from '#tests/support/makers.ts'
import { makeRun, makeSimplePlan } from '#tests/support/runs.ts'
import { test, type TestWorld } from '#tests/support/world.ts'
import { forgetServed, keepDeadLetter, listDeadEvents } from './dead-letters.ts'

const planId = '00000000-0000-7000-8000-000000000001'
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

test('an event that kept failing is kept whole, with the step and the cause', async ({ ctx }) => {
  const event: KnitEvent = {
    id: 'x',
    name: 'run.waiting',
    subject: 's',
    data: { planId },
    time: new Date('2026-01-02T03:04:05.678Z'),
    traceparent,
  }
  await keepDeadLetter(ctx.sql, 'initialize-run', event, `why \0 ${'x'.repeat(1e6)}`)
  const [kept] = await ctx.sql`select step, event, left(cause, 5) as cause from dead_letter`
  expect(kept).toEqual({
    step: 'initialize-run',
    event: { ...event, time: '2026-01-02T03:04:05.678Z' },
    cause: 'why \ufffd',
  })
})

const about = (name: EventName, subject: string): KnitEvent => ({
  id: crypto.randomUUID(),
  name,
  subject,
  data: { planId: subject },
  time: new Date(),
})

test('an event that is given up again is the same letter, with the last cause and how often', async ({
  ctx: { sql },
}) => {
  const again = about('data.nominated', 'a')
  await keepDeadLetter(sql, 'project-runs', about('data.nominated', 'a'), 'first')
  const [first] = await listDeadEvents(sql, 9)
  await keepDeadLetter(sql, 'project-runs', about('data.nominated', 'b'), 'other')
  await keepDeadLetter(sql, 'match-data', about('data.nominated', 'a'), 'other')
  await keepDeadLetter(sql, 'project-runs', about('run.waiting', 'a'), 'other')
  await keepDeadLetter(sql, 'project-runs', again, 'last')
  const listed = await listDeadEvents(sql, 9)
  expect(listed.map(({ cause, times }) => [cause, times])).toEqual([
    ['last', 2],
    ['other', 1],
    ['other', 1],
    ['other', 1],
  ])
  const [dead] = listed
  expect(dead).toMatchObject({ id: first?.id, since: first?.since, event: { id: again.id } })
  expect(dead?.at.getTime()).toBeGreaterThanOrEqual(dead?.since.getTime() ?? Infinity)
})

/** Work of a step that is due, told of to whom, and what serving it does to the tables. */
type Work = { name: EventName; subject: string; serve(): PromiseLike<unknown> }

const run =
  (name: EventName, status: RunStatus, of: 'runId' | 'planId' | 'worker' = 'runId') =>
  async (ctx: TestWorld): Promise<Work> => {
    const made = await makeRun(ctx, { status })
    const serve = () =>
      ctx.sql`update run set due_at = now() + interval '1 s' where id = ${made.runId}`
    return { name, subject: made[of], serve }
  }

async function nomination(ctx: TestWorld): Promise<Work> {
  const { planId, tag } = await makeSimplePlan(ctx)
  const knitId = await makeData(ctx, tag)
  await ctx.sql`
    insert into nomination (input_id, knit_id, plan_id, created_at)
    select id, ${knitId}, plan_id, now() - interval '1 s' from input where plan_id = ${planId}`
  const serve = () => ctx.sql`update nomination set due = false where plan_id = ${planId}`
  return { name: 'data.nominated', subject: planId, serve }
}

async function fact(ctx: TestWorld): Promise<Work> {
  const knitId = await makeData(ctx, 'a:1')
  return { name: 'data.tagged', subject: knitId, serve: () => ctx.sql`delete from match_task` }
}

async function garbage({ sql }: TestWorld): Promise<Work> {
  await sql`insert into garbage (volume) values ('v')`
  return { name: 'volume.dropped', subject: 'garbage', serve: () => sql`delete from garbage` }
}

async function call({ sql }: TestWorld): Promise<Work> {
  await sql`
    insert into hook_delivery (run_id, attempt, status, url, body)
    values (gen_random_uuid(), 1, 'done', '', '{}')`
  const serve = () => sql`update hook_delivery set delivered_at = now()`
  return { name: 'hook.recorded', subject: 'hooks', serve }
}

const works: [EventStep, what: string, arrange: (ctx: TestWorld) => Promise<Work>][] = [
  ['match-data', 'a fact', fact],
  ['project-runs', 'a nomination', nomination],
  ['initialize-run', 'a run that waits', run('run.waiting', 'waiting', 'planId')],
  ['start-run', 'a run', run('run.ready', 'ready')],
  ['observe-worker', 'a run', run('run.starting', 'running')],
  ['observe-worker', 'a worker', run('worker.changed', 'starting', 'worker')],
  ['finish-run', 'a run', run('run.completing', 'completing')],
  ['finish-run', 'a worker', run('worker.changed', 'aborting', 'worker')],
  ['call-hooks', 'a call', call],
  ['collect-garbage', 'a volume', garbage],
]

test.for(works.map(([step, what, arrange]) => ({ step, what, arrange })))(
  'an event that $step gave up is dead as long as $what of then is due, and no longer',
  async ({ step, arrange }, { ctx }) => {
    const { name, subject, serve } = await arrange(ctx)
    const forget = async () => {
      await forgetServed(ctx.sql, 3, 100)
      return listDeadEvents(ctx.sql, 9)
    }
    await keepDeadLetter(ctx.sql, step, about(name, subject), 'why')
    expect(await forget()).toHaveLength(1)
    await serve()
    expect(await forget()).toEqual([])
  },
)

test('what became due later, or of something else, keeps no event dead', async ({ ctx }) => {
  for (const [step, , arrange] of works) {
    const { name, subject } = await arrange(ctx)
    await keepDeadLetter(ctx.sql, step, about(name, subject), 'why')
  }
  await ctx.sql`update dead_letter set last_at = now() - interval '1 h'`
  for (const step of ['project-runs', 'start-run', 'observe-worker', 'finish-run'])
    await keepDeadLetter(ctx.sql, step, about('worker.changed', planId), 'why')
  await forgetServed(ctx.sql, 3, 100)
  expect(await listDeadEvents(ctx.sql, 99)).toEqual([])
})

test('an event that initialize-run gave up is dead for the runs of its plan alone, and for none where one had ended', async ({
  ctx,
}) => {
  const [waits, admitted] = [await makeRun(ctx), await makeRun(ctx, { status: 'ready' })]
  const ended = await makeRun(ctx, { status: 'done' })
  await keepDeadLetter(ctx.sql, 'initialize-run', about('run.waiting', waits.planId), 'why')
  await keepDeadLetter(ctx.sql, 'initialize-run', about('run.waiting', admitted.planId), 'why')
  await keepDeadLetter(ctx.sql, 'initialize-run', about('run.done', ended.runId), 'why')
  await forgetServed(ctx.sql, 3, 100)
  const left = await listDeadEvents(ctx.sql, 9)
  expect(left.map(({ event }) => event.subject)).toEqual([waits.planId])
})

test('what no step is known to serve is left to the operator', async ({ ctx: { sql } }) => {
  await keepDeadLetter(sql, 'of-another-release', about('run.ready', planId), 'why')
  await forgetServed(sql, 3, 100)
  expect(await listDeadEvents(sql, 9)).toHaveLength(1)
})
