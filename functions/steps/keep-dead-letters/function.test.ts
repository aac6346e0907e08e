import { expect } from 'vitest'
import { listDeadEvents } from '#shared/database/dead-letters.ts'
import { deliver, test, type TestWorld } from '#tests/support/world.ts'
import keepDeadLetters from './function.ts'

const runId = '00000000-0000-7000-8000-000000000001'

/** What a broker gives up arrives with where it failed, and how. */
const giveUp = (ctx: TestWorld, why: Record<string, string>): Promise<Response> =>
  deliver(keepDeadLetters, ctx, 'run.ready', { runId, attempt: 1 }, why)

const failed = {
  knativeerrordest: 'http://step-start-run.mine.svc.cluster.local/',
  knativeerrorcode: '500',
  knativeerrordata: Buffer.from('the disk is full').toString('base64'),
}

test('what the broker gives up is kept with the step and the words of its answer', async ({
  ctx,
}) => {
  expect((await giveUp(ctx, failed)).status).toBe(202)
  expect(await listDeadEvents(ctx.sql, 10)).toMatchObject([
    {
      step: 'start-run',
      cause: 'answered 500: the disk is full',
      times: 1,
      event: { name: 'run.ready' },
    },
  ])
})

test('an event whose data no step can read is kept, as it is', async ({ ctx }) => {
  const unreadable = { runId: 7 } as never
  expect((await deliver(keepDeadLetters, ctx, 'run.ready', unreadable, failed)).status).toBe(202)
  expect(await listDeadEvents(ctx.sql, 10)).toMatchObject([{ event: { data: { runId: 7 } } }])
})

test('what no step answered is kept as well', async ({ ctx }) => {
  const { knativeerrordest } = failed
  expect((await giveUp(ctx, { knativeerrordest })).status).toBe(202)
  expect(await listDeadEvents(ctx.sql, 10)).toMatchObject([
    { step: 'start-run', cause: 'it was not reached' },
  ])
})

test('what no step answered, and nobody knows which, is kept for all that it was to wake', async ({
  ctx,
}) => {
  const told = await deliver(keepDeadLetters, ctx, 'data.nominated', { planId: runId })
  expect(told.status).toBe(202)
  expect(await listDeadEvents(ctx.sql, 10)).toMatchObject([
    { step: 'project-runs', cause: expect.stringMatching(/no step has answered/) },
  ])
})

test('what nobody has signed is not kept, whatever is said of its failure', async ({ ctx }) => {
  const worker = `worker-run-${runId}-1`
  const told = await deliver(keepDeadLetters, ctx, 'worker.changed', { worker }, failed)
  expect(told.status).toBe(202)
  expect(await listDeadEvents(ctx.sql, 10)).toEqual([])
})

test('what was given up somewhere else is refused', async ({ ctx }) => {
  for (const knativeerrordest of ['http://elsewhere.mine.svc/', 'http://step-none.mine.svc/', 'x'])
    expect((await giveUp(ctx, { ...failed, knativeerrordest })).status).toBe(422)
  expect(await listDeadEvents(ctx.sql, 10)).toEqual([])
})
