import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { changeTags } from '#shared/database/data.ts'
import { beginUpload, discardUpload } from '#shared/database/uploads.ts'
import type { MilestoneName, RunHistory } from '#shared/domain/run-history.ts'
import { parseTag } from '#shared/domain/tag.ts'
import { answer, refusal } from '#tests/support/api.ts'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { makeRun } from '#tests/support/runs.ts'
import { failed, succeeded } from '#tests/support/scripted-cluster.ts'
import type { Engine } from '#tests/support/running-engine.ts'
import { test, type TestWorld } from '#tests/support/world.ts'
import show from './function.ts'

const by = { actor: 'ann' }

const historyOf = (ctx: TestWorld, runId: string) =>
  answer<RunHistory>(show, ctx, `/api/runs/${runId}/history`)

const namesOf = ({ milestones }: RunHistory): MilestoneName[] => milestones.map(({ name }) => name)

/** The only run of a plan. */
async function runOf(ctx: TestWorld, planId: string): Promise<string> {
  const [run] = await ctx.sql<{ id: string }[]>`select id from run where plan_id = ${planId}`
  if (!run) throw new Error('the plan has no run')
  return run.id
}

async function endProgram({ world, settle }: Engine, state = succeeded()): Promise<void> {
  const [name = ''] = world.cluster.workers.keys()
  world.cluster.set(name, state)
  await settle()
}

const wholeWay: MilestoneName[] = [
  'ready',
  'matched',
  'projected',
  'admitted',
  'volumes-made',
  'worker-created',
  'program-started',
  'program-ended',
  'published',
]

test('a run that the steps brought to its end tells every part of its way, in order', async ({
  ctx,
  engine,
}) => {
  const planId = await makePlan(ctx, { inputs: { '/in': ['a:1'] }, outputs: { '/out': [] } })
  await makeData(ctx, 'a:1')
  await engine.settle()
  await endProgram(engine)
  const history = await historyOf(ctx, await runOf(ctx, planId))
  expect(namesOf(history)).toEqual(wholeWay)
  const times = history.milestones.map(({ at }) => Date.parse(at))
  expect(times).toEqual(times.toSorted((a, b) => a - b))
  expect(history.moves.map(({ from, status, by: who }) => [from, status, who])).toEqual([
    [undefined, 'waiting', 'project-runs'],
    ['waiting', 'ready', 'initialize-run'],
    ['ready', 'starting', 'start-run'],
    ['starting', 'running', 'observe-worker'],
    ['running', 'completing', 'observe-worker'],
    ['completing', 'done', 'finish-run'],
  ])
  expect(history.attempts).toMatchObject([{ attempt: 1, exit: { code: 0, message: '' } }])
})

test('each move tells when the step that made it took the run on: after the move before', async ({
  ctx,
  engine,
}) => {
  const planId = await makePlan(ctx, { inputs: { '/in': ['a:1'] }, outputs: { '/out': [] } })
  await makeData(ctx, 'a:1')
  await engine.settle()
  await endProgram(engine)
  const { moves } = await historyOf(ctx, await runOf(ctx, planId))
  const [first, ...others] = moves.map(({ claimedAt, at }) => [claimedAt, at])
  expect(first?.[0]).toBeUndefined()
  const times = [first?.[1], ...others.flat()].map((at) => Date.parse(at ?? ''))
  expect(times).toEqual(times.toSorted((a, b) => a - b))
})

test('an attempt that was lost is told, with why, and so is the next', async ({ ctx, engine }) => {
  const planId = await makePlan(ctx, { inputs: { '/in': ['a:1'] }, outputs: { '/out': [] } })
  await makeData(ctx, 'a:1')
  await engine.settle()
  await endProgram(engine, failed(137, 'machine'))
  const history = await historyOf(ctx, await runOf(ctx, planId))
  expect(history.attempts).toMatchObject([
    { attempt: 1, exit: { code: 137 }, cause: 'machine' },
    { attempt: 2 },
  ])
  expect(history.moves).toContainEqual(
    expect.objectContaining({
      attempt: 2,
      from: 'aborting',
      status: 'waiting',
      by: 'finish-run',
      reason: expect.stringMatching(/^attempt 1 was lost: /),
    }),
  )
  const second = history.milestones.filter(({ attempt }) => attempt === 2)
  expect(second.map(({ name }) => name)).toEqual(
    ['retried', 'admitted', 'volumes-made', 'worker-created'].concat('program-started'),
  )
})

test('the way of a run begins when the last of what it reads was there', async ({
  ctx,
  engine,
}) => {
  const early = await makeData(ctx, 'a:1')
  await ctx.sql`update data set ended_at = now() - interval '1 day' where id = ${early}`
  const untagged = await makeData(ctx)
  await ctx.sql`update data set ended_at = now() - interval '1 hour' where id = ${untagged}`
  const planId = await makePlan(ctx, { inputs: { '/a': ['a:1'], '/b': ['b:1'] } })
  await ctx.sql`update plan set created_at = now() - interval '1 minute' where id = ${planId}`
  await engine.settle()
  await changeTags(ctx.sql, untagged, { add: [parseTag('b:1')] }, 100, by)
  await engine.settle()
  const runId = await runOf(ctx, planId)
  const ready = async () => (await historyOf(ctx, runId)).milestones[0]
  const [tagged] = await ctx.sql<{ at: Date }[]>`
    select tagged_at as at from data where id = ${untagged}`
  expect(Date.parse((await ready())?.at ?? '')).toBe(tagged?.at.getTime())

  // A tag put later has nothing to do with it.
  await changeTags(ctx.sql, untagged, { add: [parseTag('more:1')] }, 100, by)
  const [plan] = await ctx.sql<{ at: Date }[]>`
    select created_at as at from plan where id = ${planId}`
  expect(Date.parse((await ready())?.at ?? '')).toBe(plan?.at.getTime())
})

test('when it was matched is not told where nobody knows any more', async ({ ctx, engine }) => {
  const knitId = await makeData(ctx, 'a:1')
  const planId = await makePlan(ctx, { inputs: { '/in': ['a:1'] } })
  await engine.settle()
  const runId = await runOf(ctx, planId)
  expect(namesOf(await historyOf(ctx, runId)).slice(0, 2)).toEqual(['ready', 'matched'])
  await changeTags(ctx.sql, knitId, { remove: [parseTag('a:1')] }, 100, by)
  await engine.settle()
  expect(namesOf(await historyOf(ctx, runId))[0]).toBe('projected')
  await changeTags(ctx.sql, knitId, { add: [parseTag('a:1')] }, 100, by)
  await engine.settle()
  expect(namesOf(await historyOf(ctx, runId))[0]).toBe('projected')
})

test('an upload that failed leaves its history, and who made it', async ({ ctx }) => {
  const upload = await beginUpload(ctx.sql, [], 60, by)
  await discardUpload(ctx.sql, upload, 'the archive is broken', by)
  const history = await historyOf(ctx, upload.run.id)
  expect(history.moves).toMatchObject([
    { status: 'running', by: 'ann' },
    { from: 'running', status: 'aborting', by: 'ann', reason: 'the archive is broken' },
    { from: 'aborting', status: 'failed', by: 'ann', reason: 'the archive is broken' },
  ])
  expect(namesOf(history)).toEqual(['begun', 'failed'])
})

test('the history of one run is not that of another', async ({ ctx }) => {
  const run = await makeRun(ctx)
  await makeRun(ctx)
  expect((await historyOf(ctx, run.runId)).moves).toHaveLength(1)
})

test.for([randomUUID(), 'nonsense'])('the id "%s" is 404', async (id, { ctx }) => {
  await refusal(show, ctx, `/api/runs/${id}/history`, 'run-not-found')
})
