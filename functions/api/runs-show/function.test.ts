import { randomUUID } from 'node:crypto'
import { expect, onTestFinished } from 'vitest'
import { claimRun, postponeRun } from '#shared/database/runs.ts'
import { systemExits } from '#shared/domain/run-exits.ts'
import type { RunDetail } from '#shared/domain/run.ts'
import { runStatuses } from '#shared/domain/run-states.ts'
import { answer, ask, refusal, test } from '#tests/support/api.ts'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { makeRun, makeRunsDue, makeSimplePlan, steal } from '#tests/support/runs.ts'
import find from '../runs-find/function.ts'
import show from './function.ts'

test('a run of every status is shown, as a search shows it', async ({ ctx }) => {
  for (const status of runStatuses) {
    const { runId, planId } = await makeRun(ctx, { status })
    const shown = await answer<RunDetail>(show, ctx, `/api/runs/${runId}`)
    expect(shown.status).toBe(status)
    expect(await answer(find, ctx, `/api/runs?plan=${planId}`)).toEqual([shown])
    expect(await answer(show, ctx, `/api/runs/${runId}/`)).toEqual(shown)
  }
})

test('the exit is that of the current attempt, and gone when it is run again', async ({ ctx }) => {
  const { runId } = await makeRun(ctx, { status: 'failed' })
  await ctx.sql`
    insert into attempt (run_id, number, exit_code, exit_message) values (${runId}, 1, 1, 'no <way>')`
  const path = `/api/runs/${runId}`
  const failed = await answer<RunDetail>(show, ctx, path)
  expect(failed.exit).toEqual({ code: 1, message: 'no <way>' })
  await ctx.sql`update run set status = 'waiting', attempt = 2 where id = ${runId}`
  expect(await answer(show, ctx, path)).not.toHaveProperty('exit')
})

test('a run shows each attempt: when it ran, the image as executed, how it ended and why', async ({
  ctx,
}) => {
  const { runId } = await makeRun(ctx, { status: 'waiting', attempt: 2 })
  await ctx.sql`
    insert into attempt (run_id, number, image, started_at, ended_at, exit_code, exit_message, cause)
    values (${runId}, 1, 'example.test/a@sha256:1', '2026-01-02T03:04:05Z', '2026-01-02T03:04:06.5Z', 254,
            'worker for the run is not found', 'machine')`
  await ctx.sql`update run set status = 'ready' where id = ${runId}`
  await ctx.sql`
    insert into attempt (run_id, number, image, started_at)
    values (${runId}, 2, 'example.test/a:1', '2026-01-02T03:05:00Z')`
  const shown = await answer<RunDetail>(show, ctx, `/api/runs/${runId}`)
  expect(shown).toMatchObject({ attempt: 2, startedAt: '2026-01-02T03:05:00+00:00' })
  expect(Object.keys(shown)).not.toContain('endedAt')
  expect(shown.attempts).toEqual([
    {
      attempt: 1,
      image: 'example.test/a@sha256:1',
      startedAt: '2026-01-02T03:04:05+00:00',
      endedAt: '2026-01-02T03:04:06.5+00:00',
      exit: { code: 254, message: 'worker for the run is not found' },
      cause: 'machine',
    },
    { attempt: 2, image: 'example.test/a:1', startedAt: '2026-01-02T03:05:00+00:00' },
  ])
})

test('a run shows the bytes of all it has written, as far as they are known', async ({ ctx }) => {
  const { runId, outputs } = await makeRun(ctx, { status: 'done' })
  const path = `/api/runs/${runId}`
  expect(await answer(show, ctx, path)).not.toHaveProperty('bytes')
  const sizes = [5_000_000_000, 7]
  for (const [index, bytes] of sizes.entries())
    await ctx.sql`
      update data set bytes = ${bytes}, files = 1, digest = 'd' where id = ${outputs[index] ?? ''}`
  expect(await answer(show, ctx, path)).toMatchObject({ bytes: 5_000_000_007 })
})

test('of what hooks put in the environment of a program the names are shown, and nothing else', async ({
  ctx,
}) => {
  const { runId } = await makeRun(ctx, { status: 'ready' })
  await ctx.sql`
    insert into attempt (run_id, number, env) values (${runId}, 1, '{"URL": "secret", "TOKEN": "secret"}')`
  const { text, body } = await ask<RunDetail>(show, ctx, `/api/runs/${runId}`)
  expect(text).not.toContain('secret')
  expect(body.attempts).toEqual([{ attempt: 1, variables: ['TOKEN', 'URL'] }])
})

test('a vanished worker is reported in words', async ({ ctx }) => {
  const { runId } = await makeRun(ctx, { status: 'failed' })
  await ctx.sql`
    insert into attempt (run_id, number, exit_code, exit_message, cause)
    values (${runId}, 1, ${systemExits.lost.code}, ${systemExits.lost.message}, 'machine')`
  const shown = await answer<RunDetail>(show, ctx, `/api/runs/${runId}`)
  expect(shown.exit).toEqual(systemExits.lost)
  expect(shown.reason).toMatch(/^its worker vanished: /)
})

test('a run whose step failed says so, with what will happen', async ({ ctx }) => {
  const { runId } = await makeRun(ctx, { status: 'ready' })
  const claimed = await claimRun(ctx.sql, runId, ['ready'], 'start-run', 30)
  if (!claimed) throw new Error('the run could not be claimed')
  await postponeRun(
    ctx.sql,
    claimed,
    {},
    1,
    'start-run failed and will try again: no route to host',
  )
  const shown = await answer<RunDetail>(show, ctx, `/api/runs/${runId}`)
  expect(shown.reason).toBe('start-run failed and will try again: no route to host')
})

test('a waiting run says what it waits for and at which place, and so does a search', async ({
  ctx,
}) => {
  ctx.cluster.room.set('gpu', 8)
  const plan = await makeSimplePlan(ctx, { gpu: '4' })
  await makeRun(ctx, { ...(await makeSimplePlan(ctx, { gpu: '5' })), status: 'running' })
  const runs = [await makeRun(ctx, plan), await makeRun(ctx, plan)]
  const reasonsFound = async () => {
    const found = await answer<RunDetail[]>(find, ctx, `/api/runs?plan=${plan.planId}`)
    return new Map(found.map(({ runId, reason }) => [runId, reason]))
  }
  const reason = async ({ runId }: { runId: string }) => {
    const shown = (await answer<RunDetail>(show, ctx, `/api/runs/${runId}`)).reason
    expect((await reasonsFound()).get(runId)).toBe(shown)
    return shown
  }
  const [first, second] = runs as [(typeof runs)[0], (typeof runs)[0]]
  // Other tests of this file leave runs that wait too, of plans that nothing was admitted of.
  const waits = /^it waits for gpu: 3 of 8 are free, it asks for 4; place (\d+) of (\d+)$/
  const placeOf = async (run: { runId: string }) => waits.exec((await reason(run)) ?? '')?.[1]
  const [one, two] = [Number(await placeOf(first)), Number(await placeOf(second))]
  expect(two).toBeGreaterThan(one)

  await steal(ctx, first.runId)
  expect(await reason(first)).toBe('it has been admitted: its volumes are being made')
  expect(await reason(second)).toMatch(/^it waits for gpu: 0 of 8 are free/)
})

test('a waiting run says that as many are live as may be, and at which place it is', async ({
  ctx,
}) => {
  ctx.config.liveRuns = 1
  await makeRun(ctx, { status: 'completing' })
  const { runId } = await makeRun(ctx)
  const { reason } = await answer<RunDetail>(show, ctx, `/api/runs/${runId}`)
  expect(reason).toMatch(
    /^it waits for the end of another run: 1 may be live .*; place \d+ of \d+$/,
  )
})

test('a cluster that is away keeps nobody from reading what waits', async ({ ctx }) => {
  const { runId } = await makeRun(ctx)
  const { capacity } = ctx.cluster
  ctx.cluster.capacity = async () => {
    throw new Error('no route to host')
  }
  onTestFinished(() => void (ctx.cluster.capacity = capacity))
  expect(await answer(show, ctx, `/api/runs/${runId}`)).toMatchObject({ status: 'waiting' })
})

test('inputs and outputs are in the order of the plan', async ({ ctx }) => {
  const knitId = await makeData(ctx, 'order:1')
  const planId = await makePlan(ctx, {
    inputs: { '/in/z': ['order:1'], '/in/a': ['order:1'], '/in/m': ['order:1'] },
    outputs: { '/out/z': [], '/out/a': [], '/out/10': [], '/out/9': [] },
  })
  await makeRunsDue(ctx, planId)
  const [run] = await answer<RunDetail[]>(find, ctx, `/api/runs?plan=${planId}`)
  const shown = await answer<RunDetail>(show, ctx, `/api/runs/${run?.runId}`)
  expect(shown.inputs).toEqual(
    ['/in/z', '/in/a', '/in/m'].map((path) => ({ path, tags: ['order:1'], knitId })),
  )
  expect(shown.outputs.map(({ path }) => path)).toEqual(['/out/z', '/out/a', '/out/10', '/out/9'])
  expect(shown.log).toBeNull()
})

test.for([randomUUID(), 'nonsense', '%00', '%zz', `${randomUUID()}%20`, "'--", ''])(
  'the id "%s" is 404',
  async (id, { ctx }) => {
    await refusal(show, ctx, `/api/runs/${id}${id === '' ? '/' : ''}`, 'run-not-found')
  },
)

test('pretty indents, and a viewer may see', async ({ ctx }) => {
  const { runId } = await makeRun(ctx)
  const { text, body } = await ask(show, ctx, `/api/runs/${runId}?pretty`, { role: 'viewer' })
  expect(text).toBe(`${JSON.stringify(body, null, 2)}\n`)
})
