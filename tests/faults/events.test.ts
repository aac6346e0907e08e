import { describe, expect } from 'vitest'
import { checkInvariants } from '#shared/runtime/check-invariants.ts'
import type { KnitEvent } from '#shared/ports/event-bus.ts'
import { stepsFor } from '#shared/workflow/triggers.ts'
import { alarmsOf } from '#tests/support/alarms.ts'
import type { Database } from '#tests/support/database.ts'
import { makePlan } from '#tests/support/makers.ts'
import { passTime } from '#tests/support/runs.ts'
import { deliver, outbox, test, tick } from '#tests/support/world.ts'
import { stepFunctions } from '../../functions/functions.generated.ts'
import sweep from '../../functions/steps/sweep/function.ts'
import { push } from './arrange.ts'
import { bringToRest, makeQuietWorld, type QuietWorld } from './quiet-world.ts'
import { describeState } from './state.ts'

/** A small chain: two data, a plan that reads either, and one that reads what that makes. */
async function beginChain(world: QuietWorld): Promise<void> {
  await makePlan(world, { inputs: { '/in': ['made:up'] }, outputs: { '/out': ['made:here'] } })
  await makePlan(world, { inputs: { '/in': ['made:here'] }, outputs: { '/out': ['made:there'] } })
  await push(world, 'made:up')
  await push(world, 'made:up')
  await world.relay.drain()
}

async function serve(world: QuietWorld, { name, data }: KnitEvent): Promise<void> {
  for (const step of stepsFor(name)) {
    const fn = stepFunctions.find((one) => one.name === step)
    if (fn) await deliver(fn, world, name, data as never)
  }
}

/** Lets the chain come to its end with a broker of some kind; says what there is then. */
async function endOf(
  { sql, empty }: Database,
  broker: (world: QuietWorld, events: KnitEvent[]) => Promise<void>,
): Promise<{ state: string[]; broken: unknown[] }> {
  await empty()
  const world = makeQuietWorld(sql)
  await beginChain(world)
  for (let round = 0; round < 3; round += 1) {
    await broker(world, world.events.splice(0))
    await world.relay.drain()
  }
  await bringToRest(world)
  return { state: await describeState(world), broken: await brokenIn(world) }
}

const brokenIn = async (world: QuietWorld) =>
  (await checkInvariants(world, 0)).filter(({ state }) => state !== 'holds')

describe('events', () => {
  test('that come ten times, the last first, and an hour late lead to the same rows', async ({
    database,
  }) => {
    const right = await endOf(database, async (world, events) => {
      for (const event of events) await serve(world, event)
    })
    const disturbed = await endOf(database, async (world, events) => {
      await passTime(world)
      const copies = Array.from({ length: 10 }, () => events.toReversed()).flat()
      for (const event of copies) await serve(world, event)
    })
    expect(right.broken).toEqual([])
    expect(disturbed).toEqual(right)
  })

  test('wait in order while the broker is down, alarm admins, and go out in that order when it is back', async ({
    database,
  }) => {
    await database.empty()
    const world = makeQuietWorld(database.sql)
    const { bus } = world
    const up = bus.publish
    const down = async (): Promise<never> => Promise.reject(new Error('the broker is down'))
    bus.publish = down
    await beginChain(world).catch(() => {})
    const waiting = (await outbox(world)).map(({ type }) => type)
    expect(waiting).toEqual([
      'plan.registered',
      'plan.registered',
      'run.done',
      'data.ready',
      'run.done',
      'data.ready',
    ])

    const alarms = () => alarmsOf(world, 'KnitEventsWait')
    expect(await alarms()).toEqual([])
    await world.sql`update outbox set created_at = created_at - interval '10 min'`
    expect(await alarms()).toMatchObject([{ labels: { queue: 'outbox' } }])

    bus.publish = up
    await world.relay.drain()
    expect(world.events.map(({ name }) => name)).toEqual(waiting)
    expect(await outbox(world)).toEqual([])
    expect(await alarms()).toEqual([])
    await bringToRest(world)
    expect(await brokenIn(world)).toEqual([])
  })

  test('told by ten sweeps at a time start each program once', async ({ database }) => {
    await database.empty()
    const world = makeQuietWorld(database.sql)
    await beginChain(world)
    const released: string[] = []
    world.cluster.afterRelease = ({ name }) => {
      released.push(name)
      return { phase: 'running', startedAt: new Date() }
    }
    for (let round = 0; round < 6; round += 1) {
      await passTime(world)
      await Promise.all(Array.from({ length: 10 }, () => tick(sweep, world)))
      const events = world.events.splice(0)
      await Promise.all(events.map((event) => serve(world, event)))
    }
    expect(released).toHaveLength(2)
    expect(new Set(released).size).toBe(2)
    await bringToRest(world)
    expect(await brokenIn(world)).toEqual([])
  })
})
