import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { makeRun, makeRunsDue } from '#tests/support/runs.ts'
import { test } from '#tests/support/world.ts'
import { showData } from './data-view.ts'
import { findRunIds, findRunLog, showRuns } from './run-view.ts'

test('a run shows what it read and wrote, in the order of its plan', async ({ ctx }) => {
  const planId = await makePlan(ctx, {
    inputs: { '/z': ['a:1'], '/a': ['b:1'] },
    outputs: { '/9': ['out:9'], '/1': [] },
    log: ['log:1'],
  })
  const a = await makeData(ctx, 'a:1', 'extra:1')
  const b = await makeData(ctx, 'b:1')
  await makeRunsDue(ctx, planId)
  const [runId = ''] = await findRunIds(ctx.sql, { planIds: [planId] })
  const [run] = await showRuns(ctx.sql, [runId])
  expect(run).toMatchObject({
    runId,
    status: 'waiting',
    plan: { planId, image: expect.stringMatching(/^example\.test\/plan:/) },
    inputs: [
      { path: '/z', tags: ['a:1'], knitId: a },
      { path: '/a', tags: ['b:1'], knitId: b },
    ],
    outputs: [
      { path: '/9', tags: ['out:9'] },
      { path: '/1', tags: [] },
    ],
    log: { tags: ['log:1'] },
  })
  expect(run?.exit).toBeUndefined()
  const written = [...(run?.outputs ?? []), run?.log].map((output) => output?.knitId)
  const rows = await ctx.sql<{ id: string }[]>`
    select data.id from data join output on output.id = output_id where run_id = ${runId} order by position`
  expect(written).toEqual(rows.map(({ id }) => id))
  expect((await findRunLog(ctx.sql, runId))?.logId).toBe(written.at(-1))
})

test('a run without a log says null, and one whose data are gone has empty ids', async ({
  ctx,
}) => {
  const planId = await makePlan(ctx, { inputs: { '/in': ['a:1'] }, outputs: { '/out': [] } })
  await makeData(ctx, 'a:1')
  await makeRunsDue(ctx, planId)
  const [runId = ''] = await findRunIds(ctx.sql, { planIds: [planId] })
  await ctx.sql`delete from data where run_id = ${runId}`
  const [run] = await showRuns(ctx.sql, [runId])
  expect(run).toMatchObject({ log: null, outputs: [{ path: '/out', knitId: '' }] })
  expect(await findRunLog(ctx.sql, runId)).toMatchObject({ logId: null })
  expect(await findRunLog(ctx.sql, randomUUID())).toBeUndefined()
})

test('a run shows how its current attempt ended, not how an earlier one did', async ({ ctx }) => {
  const { runId } = await makeRun(ctx, { status: 'failed' })
  await ctx.sql`
    insert into attempt (run_id, number, exit_code, exit_message) values (${runId}, 1, 3, 'why')`
  expect((await showRuns(ctx.sql, [runId]))[0]?.exit).toEqual({ code: 3, message: 'why' })
  await ctx.sql`update run set status = 'waiting', attempt = 2 where id = ${runId}`
  expect((await showRuns(ctx.sql, [runId]))[0]?.exit).toBeUndefined()
})

test('runs are listed by when they were updated, then by id', async ({ ctx }) => {
  const ids: string[] = []
  for (let made = 0; made < 4; made += 1) ids.push((await makeRun(ctx)).runId)
  const [a = '', b = '', c = '', d = ''] = ids
  await ctx.sql`update run set updated_at = '2026-01-01T00:00:00Z' where id in (${b}, ${d})`
  const own = (found: string[]) => found.filter((id) => ids.includes(id))
  expect(own(await findRunIds(ctx.sql, {}))).toEqual([b, d, a, c])
  expect((await showRuns(ctx.sql, [c, a, randomUUID(), b])).map(({ runId }) => runId)).toEqual([
    c,
    a,
    b,
  ])
})

test('runs are found by plan, data and status: any of each, and all together', async ({ ctx }) => {
  const one = await makeRun(ctx, { status: 'running' })
  const two = await makeRun(ctx, { status: 'done' })
  const find = async (filter: Parameters<typeof findRunIds>[1]) =>
    (await findRunIds(ctx.sql, filter)).toSorted()
  const both = [one.runId, two.runId].toSorted()
  expect(await find({ planIds: [one.planId, two.planId] })).toEqual(both)
  expect(await find({ inputIds: [...one.inputs, ...two.inputs] })).toEqual(both)
  expect(await find({ outputIds: [one.outputs[0] ?? '', two.outputs[2] ?? ''] })).toEqual(both)
  expect(await find({ statuses: ['running'] })).toEqual([one.runId])
  expect(await find({ planIds: [one.planId], statuses: ['done'] })).toEqual([])
  expect(await find({ planIds: [] })).toEqual([])
})

test('a deleted run is found without a filter, but no longer shown as a reader of its data', async ({
  ctx,
}) => {
  const run = await makeRun(ctx, { status: 'invalidated' })
  const living = await makeRun(ctx)
  expect(await findRunIds(ctx.sql, {})).toContain(run.runId)
  const shown = await showData(ctx.sql, [...run.inputs, ...living.inputs])
  expect(shown.map(({ downstreams }) => downstreams?.map((use) => use.run.runId))).toEqual([
    [],
    [living.runId],
  ])
})

test('a data is shown with every nomination and every run that read it', async ({ ctx }) => {
  const planId = await makePlan(ctx, { inputs: { '/x': ['a:1'], '/y': ['a:1'] } })
  const waits = await makePlan(ctx, { inputs: { '/x': ['a:1'], '/never': ['never:1'] } })
  const knitId = await makeData(ctx, 'a:1')
  await makeRunsDue(ctx, planId)
  const [shown] = await showData(ctx.sql, [knitId])
  expect(shown?.downstreams?.map(({ mountpoint }) => mountpoint.path)).toEqual(['/x', '/y'])
  expect(shown?.nomination.map(({ path, plan }) => `${path} ${plan.planId}`).toSorted()).toEqual(
    [`/x ${planId}`, `/y ${planId}`, `/x ${waits}`].toSorted(),
  )
})
