import { readFileSync } from 'node:fs'
import { describe, expect } from 'vitest'
import { addDeliveries, claimDeliveries } from '#shared/database/hooks.ts'
import { showRuns } from '#shared/database/run-view.ts'
import { claimRun } from '#shared/database/runs.ts'
import type { RunStatus } from '#shared/domain/run-states.ts'
import type { KnitEvent } from '#shared/ports/event-bus.ts'
import { checkInvariants } from '#shared/runtime/check-invariants.ts'
import { createRelay } from '#shared/runtime/relay.ts'
import { stepsFor } from '#shared/workflow/triggers.ts'
import { answerHooks, hooksAt } from '#tests/support/gate/gated-hooks.ts'
import { makeData } from '#tests/support/makers.ts'
import { makeRun, makeSimplePlan, passTime, readRun } from '#tests/support/runs.ts'
import { succeeded } from '#tests/support/scripted-cluster.ts'
import { deliver, test as base, tick } from '#tests/support/world.ts'
import { stepFunctions } from '../../functions/functions.generated.ts'
import finishRun from '../../functions/steps/finish-run/function.ts'
import observeWorker from '../../functions/steps/observe-worker/function.ts'
import sweep from '../../functions/steps/sweep/function.ts'
import { loseWorker, nameOf, runIn, setWorker, told, type Told } from './arrange.ts'
import { makeQuietWorld, type QuietWorld } from './quiet-world.ts'

/** A world where nobody publishes, or is told, what was committed, or what becomes of workers. */
const test = base.extend<{ world: QuietWorld }>({
  world: async ({ database }, use) => {
    await database.empty()
    const world = makeQuietWorld(database.sql)
    await use({ ...world, relay: { ...world.relay, drain: async () => 0 } })
  },
})

// Seconds that any one step may take, whatever became of the event that should have woken it.
const longest = 60

/** Gives events to their steps at once. */
const serving = (world: QuietWorld) => async (events: readonly KnitEvent[]) => {
  for (const { name, data } of events)
    for (const step of stepsFor(name)) {
      const fn = stepFunctions.find((one) => one.name === step)
      if (fn) await deliver(fn, world, name, data as never)
    }
}

/** What a broker does with all there is; nobody publishes what was told before but the sweep. */
const brokers: Record<string, (world: QuietWorld) => void> = {
  'a broker that delivers nothing but what a sweep tells': (world) => {
    world.bus = { publish: serving(world) }
  },
  'a broker that takes everything and delivers nothing': (world) => {
    world.direct = { publish: serving(world) }
  },
  'a broker that is away': (world) => {
    world.bus = { publish: () => Promise.reject(new Error('the broker is away')) }
    world.direct = { publish: serving(world) }
  },
}

/**
 * Sweeps as often as the settings say, from as late as can be after what has just happened; gives back how many seconds pass until
 * something is so. It is the time of the database that passes: leases end, and what was put off is due, by that alone.
 */
async function secondsUntil(world: QuietWorld, isSo: () => Promise<unknown>): Promise<number> {
  const { sweepInterval } = world.config
  for (let passed = sweepInterval - 1; passed <= 10 * longest; passed += sweepInterval) {
    await passTime(world, passed < sweepInterval ? passed : sweepInterval)
    await tick(sweep, world)
    if (await isSo()) return passed
  }
  return Infinity
}

const statusOf = async (world: QuietWorld, { runId }: Told): Promise<unknown> =>
  (await readRun(world, runId))?.['status']

type Lost = {
  of: string
  status: Parameters<typeof runIn>[1]
  /** What happens, of which nobody hears. */
  happen(world: QuietWorld, run: Told): Promise<unknown>
}

/** Whoever serves it has just taken it on, and dies. */
const dieServing =
  (status: RunStatus) =>
  (world: QuietWorld, { runId }: Told) =>
    claimRun(world.sql, runId, [status], 'a step', world.config.claimLease)

const served = ['waiting', 'ready', 'starting', 'running', 'completing', 'aborting'] as const

const allLost: Lost[] = [
  ...served.map((status) => ({
    of: `what made a run ${status}`,
    status,
    async happen(world: QuietWorld, run: Told) {
      if (status === 'running') setWorker(world, run, succeeded())
    },
  })),
  ...served.map((status) => ({
    of: `the death of who served a run that is ${status}`,
    status,
    async happen(world: QuietWorld, run: Told) {
      if (status === 'running') setWorker(world, run, succeeded())
      await dieServing(status)(world, run)
    },
  })),
  {
    of: 'the beginning of a program, right after a look at its worker',
    status: 'starting',
    async happen(world, run) {
      setWorker(world, run, { phase: 'pending', reason: 'no room' })
      // As long as it waits, it is looked at less and less often.
      await world.sql`update run set updated_at = now() - interval '10 minutes'`
      await deliver(observeWorker, world, 'run.starting', told(run))
      setWorker(world, run, { phase: 'running', startedAt: new Date() })
    },
  },
  {
    of: 'the end of a program, right after a look at its worker',
    status: 'running',
    async happen(world, run) {
      await deliver(observeWorker, world, 'run.starting', told(run))
      setWorker(world, run, succeeded())
    },
  },
  ...(['completing', 'aborting'] as const).map((status) => ({
    of: `the going of the worker of a run that is ${status}, right after it was told to go`,
    status,
    async happen(world: QuietWorld, run: Told) {
      world.cluster.stuck.add(nameOf(run))
      await deliver(finishRun, world, `run.${status}`, told(run))
      loseWorker(world, run)
    },
  })),
]

describe.each(Object.entries(brokers))('with %s', (_, broker) => {
  test.for(allLost.map((lost) => [lost.of, lost] as const))(
    'a run goes on within a minute when nobody hears of %s',
    async ([, { status, happen }], { world }) => {
      const run = await runIn(world, status)
      await happen(world, run)
      expect(await statusOf(world, run)).toBe(status)
      broker(world)
      const seconds = await secondsUntil(world, async () => (await statusOf(world, run)) !== status)
      expect(seconds).toBeLessThanOrEqual(longest)
      const broken = (await checkInvariants(world, longest)).filter(
        ({ state }) => state !== 'holds',
      )
      expect(broken).toEqual([])
    },
  )

  test('data are matched within a minute, and make a run within another', async ({ world }) => {
    const { planId, tag } = await makeSimplePlan(world)
    await makeData(world, tag)
    broker(world)
    const nominated = () => world.sql`select from nomination`.then(({ count }) => count > 0)
    expect(await secondsUntil(world, nominated)).toBeLessThanOrEqual(longest)
    const made = () =>
      world.sql`select from run where plan_id = ${planId}`.then(({ count }) => count > 0)
    expect((await made()) ? 0 : await secondsUntil(world, made)).toBeLessThanOrEqual(longest)
  })

  test('a volume nobody needs is deleted within a minute', async ({ world }) => {
    await world.cluster.ensureVolume({ name: 'one' })
    await world.sql`insert into garbage (volume) values ('one')`
    broker(world)
    const isGone = async () => !world.cluster.volumes.has('one')
    expect(await secondsUntil(world, isGone)).toBeLessThanOrEqual(longest)
  })

  test('an after-hook whose caller died is called within a minute', async ({ world }) => {
    const { runId } = await makeRun(world, { status: 'ready' })
    await world.sql`update run set due_at = now() + interval '1 day'`
    const [detail] = await showRuns(world.sql, [runId])
    const moved = { id: runId, attempt: 1, status: 'ready' } as const
    if (detail)
      await world.sql.begin((tx) => addDeliveries(tx, moved, detail, [hooksAt], { actor: 'test' }))
    const { hookTimeout, claimLease, maxHookFailures } = world.config
    await claimDeliveries(world.sql, hooksAt, 1, maxHookFailures, hookTimeout + claimLease)
    broker(world)
    const undo = answerHooks(() => new Response())
    const isTold = async () =>
      (await world.sql`select from hook_delivery where delivered_at is not null`).count > 0
    expect(await secondsUntil(world, isTold).finally(undo)).toBeLessThanOrEqual(longest)
  })
})

test('what a relay had taken when it died is published within a minute', async ({ world }) => {
  await makeData(world, 'kind:a')
  const dead = createRelay(world.sql, { publish: () => new Promise(() => {}) }, world.log)
  void dead.drain()
  const leased = () => world.sql`select from outbox where leased_until is not null`
  while ((await leased()).count === 0) continue
  const published: string[] = []
  world.bus = { publish: async (events) => void published.push(...events.map(({ name }) => name)) }
  world.relay = createRelay(world.sql, world.bus, world.log)
  const isPublished = async () => published.includes('data.ready')
  expect(await secondsUntil(world, isPublished)).toBeLessThanOrEqual(longest)
})

test('a cluster sweeps as often as the local home', ({ world }) => {
  const values = readFileSync(new URL('../../charts/knitfab/values.yaml', import.meta.url), 'utf8')
  const [, seconds] = /^  sweep: '\*\/(\d+) \* \* \* \* \*'$/m.exec(values) ?? []
  expect(Number(seconds)).toBe(world.config.sweepInterval)
})
