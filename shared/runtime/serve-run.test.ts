import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { HookFailed } from '#shared/adapters/hook-client.ts'
import { claimRun, moveRun, releaseRun, type Claimed } from '#shared/database/runs.ts'
import { NoRoomNow } from '#shared/ports/cluster.ts'
import { makeRun, passTime, readRun, steal } from '#tests/support/runs.ts'
import { keptSpans } from '#tests/support/kept-spans.ts'
import { counted } from '#tests/support/scrape.ts'
import { test, type TestWorld } from '#tests/support/world.ts'
import { contextFor, type Context } from './context.ts'
import { backoff, serveRun } from './serve-run.ts'

const contextOf = (ctx: TestWorld, woken?: string): Context =>
  contextFor(ctx, {
    actor: 'start-run',
    span: ctx.tracer.start('start-run', { parent: woken }),
    requestId: 'test',
    log: ctx.log,
  })

test('a run is served under a claim that says who holds it', async ({ ctx }) => {
  const { runId } = await makeRun(ctx, { status: 'ready' })
  const result = await serveRun(contextOf(ctx), runId, ['ready'], async (run) => {
    expect(run).toMatchObject({ id: runId, status: 'ready', attempt: 1, failures: 0 })
    expect(await readRun(ctx, runId)).toMatchObject({ claim: run.claim, claimedBy: 'start-run' })
    return 'result'
  })
  expect(result).toBe('result')
})

test('a run that is gone, in another status, or served by somebody else is nothing to do', async ({
  ctx,
}) => {
  const { runId } = await makeRun(ctx, { status: 'ready' })
  const serve = (id: string, status: 'ready' | 'starting') =>
    serveRun(contextOf(ctx), id, [status], async () => 'served')
  expect(await serve(randomUUID(), 'ready')).toBeUndefined()
  expect(await serve(runId, 'starting')).toBeUndefined()
  await steal(ctx, runId)
  expect(await serve(runId, 'ready')).toBeUndefined()
})

test('of many who claim a run at the same time one gets it', async ({ ctx }) => {
  const { runId } = await makeRun(ctx, { status: 'ready' })
  const claims = await Promise.all(
    Array.from({ length: 12 }, () => claimRun(ctx.sql, runId, ['ready'], 'start-run', 30)),
  )
  expect(claims.filter((claim) => claim !== undefined)).toHaveLength(1)
})

test('a failure is counted and told to users, not thrown; the run is due again after a while', async ({
  ctx,
}) => {
  const { runId } = await makeRun(ctx, { status: 'ready' })
  const fail = () =>
    serveRun(contextOf(ctx), runId, ['ready'], async () => {
      throw new Error(`no \0 luck ${'x'.repeat(5000)}`)
    })
  expect(await fail()).toBeUndefined()
  expect(await readRun(ctx, runId)).toMatchObject({
    claim: null,
    failures: 1,
    later: true,
    reason: expect.stringMatching(/^start-run failed and will try again: no . luck x+$/),
  })
  // Not due yet: an event changes nothing.
  await fail()
  expect(await readRun(ctx, runId)).toMatchObject({ failures: 1 })
  await passTime(ctx)
  await fail()
  expect(await readRun(ctx, runId)).toMatchObject({ failures: 2 })
})

test('a run that there is no room for is put off, also where few failures end one', async ({
  ctx,
}) => {
  ctx.config.maxStepFailures = 2
  const { runId } = await makeRun(ctx, { status: 'ready' })
  for (let failure = 0; failure < 3; failure += 1)
    await serveRun(contextOf(ctx), runId, ['ready'], async () => {
      throw new NoRoomNow('the disk is full')
    })
  expect(await readRun(ctx, runId)).toMatchObject({ status: 'ready', failures: 1, later: true })
})

test('a look in vain forgets the failures before it', async ({ ctx }) => {
  const { runId } = await makeRun(ctx, { status: 'ready' })
  await ctx.sql`update run set failures = 3`
  await serveRun(contextOf(ctx), runId, ['ready'], (run) => releaseRun(ctx.sql, run, 30))
  expect(await readRun(ctx, runId)).toMatchObject({ failures: 0, claim: null, later: true })
})

test('a failure after the claim went to another leaves the run to that', async ({ ctx }) => {
  const { runId } = await makeRun(ctx, { status: 'ready' })
  await serveRun(contextOf(ctx), runId, ['ready'], async () => {
    await steal(ctx, runId)
    throw new Error('too late')
  })
  expect(await readRun(ctx, runId)).toMatchObject({
    claimedBy: 'another',
    failures: 0,
    reason: null,
  })
})

test.for(['status', 'attempt', 'claim'] as const)(
  'a claimed run whose %s is no longer what it was cannot be moved',
  async (what, { ctx }) => {
    const { runId } = await makeRun(ctx, { status: 'ready' })
    const run = await claimRun(ctx.sql, runId, ['ready'], 'start-run', 30)
    if (!run) throw new Error('not claimed')
    if (what === 'status') await ctx.sql`update run set status = 'aborting' where id = ${runId}`
    if (what === 'attempt') await ctx.sql`update run set attempt = 2 where id = ${runId}`
    if (what === 'claim') await steal(ctx, runId)
    const before = await readRun(ctx, runId)
    const moved = await ctx.sql.begin((tx) => moveRun(tx, run, 'starting', { actor: 'start-run' }))
    expect(moved).toBeUndefined()
    expect(await readRun(ctx, runId)).toEqual(before)
    expect(await ctx.sql`select from outbox`).toHaveLength(0)
    expect(await ctx.sql`select from run_history where status = 'starting'`).toHaveLength(0)
  },
)

test('a claim is renewed while its work takes longer than the lease', async ({ ctx }) => {
  const { runId } = await makeRun(ctx, { status: 'ready' })
  const short = { ...contextOf(ctx), config: { ...ctx.config, claimLease: 0.3 } }
  await serveRun(short, runId, ['ready'], async (run) => {
    const ends = new Set<string>()
    while (ends.size < 4) {
      const [row] = await ctx.sql<{ until: string }[]>`
        select claimed_until::text as until from run where id = ${runId} and claim = ${run.claim}`
      ends.add(row?.until ?? '')
    }
    expect([...ends]).toEqual([...ends].toSorted())
  })
})

test('a claim that is taken over after its lease is counted, one that was given back is not', async ({
  ctx,
}) => {
  const { runId } = await makeRun(ctx, { status: 'ready' })
  const serve = () => serveRun(contextOf(ctx), runId, ['ready'], async () => {})
  const giveBack = () => ctx.sql`
    update run set claim = null, claimed_by = null, claimed_until = null where id = ${runId}`
  await serve()
  await giveBack()
  await serve()
  expect(await counted(ctx, 'knit_claims_expired_total')).toEqual({})
  await serve()
  expect(await counted(ctx, 'knit_claims_expired_total')).toEqual({})
  await ctx.sql`update run set claimed_until = now() - interval '1 second' where id = ${runId}`
  await serve()
  expect(await counted(ctx, 'knit_claims_expired_total')).toEqual({ 'start-run': 1 })
})

test('runs that are put off are counted by the step and by what is to blame', async ({ ctx }) => {
  const fail = async (reason: Error) => {
    const { runId } = await makeRun(ctx, { status: 'ready' })
    await serveRun(contextOf(ctx), runId, ['ready'], async () => {
      throw reason
    })
  }
  await fail(new Error('no luck'))
  await fail(new Error('no luck'))
  await fail(new HookFailed('it answered 403'))
  expect(await counted(ctx, 'knit_runs_postponed_total')).toEqual({
    'start-run step': 2,
    'start-run hook': 1,
  })
})

test('the pause after failures doubles, to a minute at most', () => {
  expect([0, 1, 2, 5, 6, 30, 1000].map(backoff)).toEqual([1, 2, 4, 32, 60, 60, 60])
})

const ofRun = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const ofOther = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

/** A step that `woken` woke serves a run of the trace `made`; gives back what that left in traces. */
async function serveTraced(
  ctx: TestWorld,
  woken: string | undefined,
  work: (own: Context, run: Claimed<'ready'>) => Promise<unknown>,
  made: string | null = ofRun,
) {
  const { tracer, spans } = keptSpans()
  ctx.tracer = tracer
  const { runId } = await makeRun(ctx, { status: 'ready' })
  await ctx.sql`update run set traceparent = ${made} where id = ${runId}`
  const context = contextOf(ctx, woken)
  await serveRun(context, runId, ['ready'], (run, own) => work(own, run))
  context.span.end()
  return { runId, spans }
}

const start = (own: Context, run: Claimed<'ready'>) =>
  own.execute((sql) => moveRun(sql, run, 'starting', own.by))

const ofNoRun = expect.not.objectContaining({ 'knit.run.id': expect.anything() })

const lastTrace = async ({ sql }: TestWorld): Promise<string> => {
  const [told] = await sql<{ traceparent: string }[]>`
    select traceparent from outbox order by id desc limit 1`
  return told?.traceparent ?? ''
}

test('a run is served under the span of a step that was woken in its trace', async ({ ctx }) => {
  const { runId, spans } = await serveTraced(ctx, ofRun, start)
  expect(spans).toMatchObject([
    { parent: ofRun, attributes: { 'knit.run.id': runId, 'knit.run.attempt': 1 } },
  ])
  expect(await lastTrace(ctx)).toBe(spans[0]?.traceparent)
})

test('a run is served in its own trace by a step that was woken in another, to which it is linked', async ({
  ctx,
}) => {
  const { runId, spans } = await serveTraced(ctx, ofOther, start)
  expect(spans).toMatchObject([
    { parent: ofRun, links: [spans[1]?.traceparent], attributes: { 'knit.run.id': runId } },
    { parent: ofOther, attributes: ofNoRun },
  ])
  expect(await lastTrace(ctx)).toBe(spans[0]?.traceparent)
})

test('a run that is in no trace is served in none, whatever wakes the step', async ({ ctx }) => {
  const { spans } = await serveTraced(ctx, ofOther, start, null)
  expect(spans).toMatchObject([{ parent: ofOther, attributes: ofNoRun }])
  expect(await lastTrace(ctx)).toMatch(/-00$/)
})

test('what nobody asked for leaves a trace of what it changed, and none where it changed nothing', async ({
  ctx,
}) => {
  const looked = await serveTraced(ctx, undefined, (own, run) => releaseRun(own.sql, run, 0))
  expect(looked.spans).toEqual([])
  const changed = await serveTraced(ctx, undefined, start)
  expect(changed.spans).toMatchObject([{ parent: ofRun, links: [], error: undefined }])
})

test('a run that could not be served is a failure in its trace', async ({ ctx }) => {
  const fail = async () => {
    throw new Error('as asked')
  }
  for (const woken of [ofRun, undefined]) {
    const { spans } = await serveTraced(ctx, woken, fail)
    expect(spans).toMatchObject([{ parent: ofRun, error: 'as asked' }])
  }
})
