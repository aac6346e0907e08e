import { randomUUID } from 'node:crypto'
import { HTTP } from 'cloudevents'
import { expect } from 'vitest'
import { toCloudEvent } from '#shared/adapters/cloud-event.ts'
import type { KnitEvent } from '#shared/ports/event-bus.ts'
import { checkInvariants } from '#shared/runtime/check-invariants.ts'
import { alarmsOf } from '#tests/support/alarms.ts'
import { answer } from '#tests/support/api.ts'
import { makeData, makePlan } from '#tests/support/makers.ts'
import { measured } from '#tests/support/runs.ts'
import { succeeded } from '#tests/support/scripted-cluster.ts'
import { startEngine, type OnTheWay } from '#tests/support/running-engine.ts'
import { test, tick, type TestWorld } from '#tests/support/world.ts'
import replay from '../../functions/api/admin-replay/function.ts'
import cleanUp from '../../functions/steps/clean-up/function.ts'
import sweep from '../../functions/steps/sweep/function.ts'

// As the bus does by itself.
const tries = 5

/** What becomes of the events about one plan on their way to a step: an answer, or another request than was sent. */
type Poison = (request: Request) => Response | Request

const always500: Poison = () => new Response('it always throws', { status: 500 })

/** The same event as it would be sent with other data; it is signed as ours are. */
const withData =
  ({ config }: TestWorld, data: unknown): Poison =>
  (request) => {
    const subject = request.headers.get('ce-subject') ?? ''
    const event = { id: randomUUID(), name: 'data.nominated', subject, data, time: new Date() }
    const sent = HTTP.binary(toCloudEvent(event as unknown as KnitEvent, 'outbox', config))
    return new Request('http://steps.local/', {
      method: 'POST',
      headers: sent.headers as Record<string, string>,
      body: String(sent.body),
    })
  }

/** Spoils events about the plan that `poisoned` names on their way to one step, as long as it does; counts them. */
function poisonedBy(poison: Poison, poisoned: { planId?: string; deliveries: number }): OnTheWay {
  return async (request, serve, step) => {
    const isPoisoned = request.headers.get('ce-subject') === poisoned.planId
    if (!isPoisoned || step !== 'project-runs') return serve(request)
    poisoned.deliveries += 1
    const spoilt = poison(request)
    return spoilt instanceof Response ? spoilt : serve(spoilt)
  }
}

const statusesOf = async ({ sql }: TestWorld, planId: string): Promise<string[]> => {
  const rows = await sql<{ status: string }[]>`select status from run where plan_id = ${planId}`
  return rows.map(({ status }) => status)
}

/** Steps of whose dead letters admins are told, with how many there are. */
async function alarmedOf(world: TestWorld): Promise<Record<string, number>> {
  const alarms = await alarmsOf(world, 'KnitDeadLetters')
  return Object.fromEntries(alarms.map(({ labels, value }) => [labels['step'], value]))
}

test.for<[string, (world: TestWorld) => Poison, number, RegExp]>([
  ['whose step always throws', () => always500, tries, /always throws/],
  [
    'whose data are nothing we know',
    (world) => withData(world, { planId: 7 }),
    1,
    /do not fit dev.knitfab.data.nominated: planId: expected text/,
  ],
  [
    'of ten megabytes',
    (world) => withData(world, { planId: randomUUID(), more: 'x'.repeat(10 * 2 ** 20) }),
    1,
    /maxBodyBytes/,
  ],
])(
  'an event %s is given up after so many tries, alarms admins, keeps nothing else from being done, and is done when it is replayed',
  async ([, poisonOf, most, cause], { ctx }) => {
    const poisoned: { planId?: string; deliveries: number } = { deliveries: 0 }
    ctx.cluster.afterRelease = succeeded
    const engine = startEngine(ctx, poisonedBy(poisonOf(ctx), poisoned))
    const bad = await makePlan(ctx, { inputs: { '/in': ['kind:a'] }, outputs: { '/out': [] } })
    const good = await makePlan(ctx, { inputs: { '/in': ['kind:a'] }, outputs: { '/out': [] } })
    poisoned.planId = bad
    ctx.cluster.volumes.set(`data-knitid-${await makeData(ctx, 'kind:a')}`, measured)
    await engine.settle()

    expect(poisoned.deliveries).toBe(most)
    const dead =
      await ctx.sql`select id, step, cause, event ->> 'subject' as about from dead_letter`
    expect(dead).toMatchObject([
      { step: 'project-runs', about: bad, cause: expect.stringMatching(cause) },
    ])
    expect(await alarmedOf(ctx)).toEqual({ 'project-runs': 1 })
    expect(await statusesOf(ctx, bad)).toEqual([])
    expect(await statusesOf(ctx, good)).toEqual(['done'])

    delete poisoned.planId
    const body = { eventIds: dead.map(({ id }) => id as string) }
    expect(await answer(replay, ctx, '/api/admin/events/replay', { body })).toEqual({ replayed: 1 })
    await engine.settle()
    expect(await statusesOf(ctx, bad)).toEqual(['done'])
    expect(await ctx.sql`select from dead_letter`).toHaveLength(0)
    expect(await alarmedOf(ctx)).toEqual({})
    const checks = await checkInvariants(ctx, 0)
    expect(checks.filter(({ state }) => state !== 'holds')).toEqual([])
    await engine.stop()
  },
)

/** From now on no run of the plan can be made; gives back what mends that. */
async function refuseRunsOf({ sql }: TestWorld, planId: string): Promise<() => Promise<void>> {
  await sql.unsafe(`
    create function poison() returns trigger language plpgsql as $$
    begin raise exception 'poisoned' using detail = 'a test'; end $$;
    create trigger poison before insert on run for each row
      when (new.plan_id = '${planId}') execute function poison()`)
  return async () => void (await sql.unsafe('drop function poison cascade'))
}

test('what a step throws is one dead letter however often it is tried, with its cause, and none once it was mended', async ({
  ctx,
  engine,
}) => {
  const sweepNow = async () => {
    expect((await tick(sweep, ctx)).status).toBe(202)
    await engine.settle()
  }
  const planId = await makePlan(ctx, { inputs: { '/in': ['kind:a'] }, outputs: { '/out': [] } })
  const mend = await refuseRunsOf(ctx, planId)
  ctx.cluster.afterRelease = succeeded
  ctx.cluster.volumes.set(`data-knitid-${await makeData(ctx, 'kind:a')}`, measured)
  await engine.settle()
  await sweepNow()
  await sweepNow()
  const dead = await ctx.sql`select step, event, cause, times from dead_letter`
  expect(dead).toMatchObject([{ step: 'project-runs', cause: 'PostgresError: poisoned', times: 3 }])
  expect(await alarmedOf(ctx)).toEqual({ 'project-runs': 1 })
  expect(ctx.lines.map((line) => JSON.parse(line) as object)).toContainEqual(
    expect.objectContaining({
      message: 'an event was not served',
      step: 'project-runs',
      event: 'data.nominated',
      id: dead[0]?.['event'].id,
      subject: planId,
      error: expect.stringContaining('poisoned'),
    }),
  )

  const broken = (await checkInvariants(ctx, 60)).filter(({ state }) => state !== 'holds')
  expect(broken).toMatchObject([
    { sentence: 'No event is dead.', things: [expect.stringContaining(`of ${planId}, given up`)] },
  ])

  await mend()
  await sweepNow()
  expect(await statusesOf(ctx, planId)).toEqual(['done'])
  await tick(cleanUp, ctx)
  expect(await ctx.sql`select from dead_letter`).toHaveLength(0)
  expect(await alarmedOf(ctx)).toEqual({})
  const checks = await checkInvariants(ctx, 0)
  expect(checks.filter(({ state }) => state !== 'holds')).toEqual([])
})
