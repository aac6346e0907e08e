import type { Check } from '#shared/domain/check.ts'
import { checkInvariants } from '#shared/runtime/check-invariants.ts'
import type { Database } from '#tests/support/database.ts'
import type { World } from '#shared/runtime/context.ts'
import type { Call, Gate } from '#tests/support/gate/gate.ts'
import { answerHooks, hooksThrough } from '#tests/support/gate/gated-hooks.ts'
import { faultsOf, faultyGate, recordingGate, type Fault } from './faults.ts'
import {
  bringToRest,
  gatedWorld,
  makeQuietWorld,
  sweepOnce,
  type QuietWorld,
} from './quiet-world.ts'
import { reluctant, type Scenario } from './scenario.ts'
import { standingOf } from './standing.ts'
import { describeState } from './state.ts'

/** How things stand when all has come to rest. */
type Future = { state: string[]; broken: Check[] }

export type Outcome = Future & {
  /** What the function answered, the last time it was asked. */
  status: number
}

/** A world before the work of a function, and the call of that function. */
type Beginning = { world: QuietWorld; act(world: World): Promise<Response> }

/** The beginning of a scenario, as often as it is needed. */
export type Begin = () => Promise<Beginning>

// What is brought back is as old as it is: no lease in it may have ended meanwhile.
const mostBroughtBack = 20

/** Arranges the world of a scenario now and then, and otherwise brings back what was arranged. */
export function beginnings(database: Database, scenario: Scenario): Begin {
  let kept: (Beginning & { bringBack(): Promise<void>; left: number }) | undefined
  return async () => {
    if (kept && kept.left > 0) {
      await kept.bringBack()
    } else {
      const beginning = await arranged(database, scenario)
      kept = { ...beginning, bringBack: await database.keep(), left: mostBroughtBack }
    }
    kept.left -= 1
    return { world: copyOf(kept.world), act: kept.act }
  }
}

/** Another world that is like one. */
function copyOf({ sql, cluster, events, config }: QuietWorld): QuietWorld {
  const copy = makeQuietWorld(sql)
  copy.cluster.become(cluster)
  copy.events.push(...events)
  // By the settings steps remember what they have seen of a world.
  copy.config = { ...config }
  return copy
}

/** Lets a function do its work undisturbed; gives back every call it made to the world, and what came of it. */
export const undisturbed = (begin: Begin): Promise<{ calls: Call[]; right: Outcome }> =>
  withHooks(async () => {
    const { world, act } = await begin()
    const { gate, calls } = recordingGate()
    const { status } = await behind(gate, world, act)
    return { calls: [...calls], right: { status, ...(await futureOf(world)) } }
  })

/** Lets a function do its work and nothing else; `behindGate` is called with that work, all of which passes a gate. */
export const justDone = (
  database: Database,
  scenario: Scenario,
  behindGate: (work: () => Promise<Response>) => Promise<Response>,
): Promise<Response> =>
  withHooks(async () => {
    const { world, act } = await arranged(database, scenario)
    return behindGate(() => behind(recordingGate().gate, world, act))
  })

async function arranged({ sql, empty }: Database, scenario: Scenario): Promise<Beginning> {
  await empty()
  const world = makeQuietWorld(sql)
  return { world, act: await scenario.arrange(world) }
}

const behind = (
  gate: Gate,
  world: QuietWorld,
  act: (world: World) => Promise<Response>,
): Promise<Response> => hooksThrough(gate, () => act(gatedWorld(world, gate)))

/** Hooks agree, with a variable for the program, but for the first call of the reluctant one. */
async function withHooks<T>(work: (hooks: { hasDeclined: boolean }) => Promise<T>): Promise<T> {
  const hooks = { hasDeclined: false }
  const undo = answerHooks(({ path }) => {
    if (path !== reluctant || hooks.hasDeclined) return Response.json(agreement)
    hooks.hasDeclined = true
    return new Response(null, { status: 500 })
  })
  return work(hooks).finally(undo)
}
const agreement = { knitfabExtension: { env: { A: '1' } } }

/** One fault, at the call of that number. */
export type Disturbance = { at: number; fault: Fault; call: Call }

/** Everything that may happen at any of the calls. */
export const disturbances = (
  calls: readonly Call[],
  { only = () => true }: Scenario,
): Disturbance[] =>
  calls.flatMap((call, index) =>
    only(call) ? faultsOf(call).map((fault) => ({ at: index + 1, fault, call })) : [],
  )

/** What came of worlds, by how they stood when the function was done: where two stand alike, the same comes of both. */
export type Futures = Map<string, Promise<Future>>

/**
 * Lets a function do the same work with one fault; who asked and heard of none or of a failure, as a client of a route, asks
 * again. Gives back what came of it once sweeps have done what is left.
 */
export const disturbed = (
  begin: Begin,
  { at, fault }: Disturbance,
  asksAgain: boolean,
  futures: Futures,
): Promise<Outcome> =>
  withHooks(async (hooks) => {
    const { world, act } = await begin()
    const { gate, hasHappened } = faultyGate(at, fault)
    const first = await behind(gate, world, act)
    if (!hasHappened()) throw new Error(`there was no call ${at}`)
    // Nobody hears what a process answers that has died.
    const heardNothing = fault === 'killed' || first.status >= 500
    const { status } = asksAgain && heardNothing ? await act(world) : first
    const standing = `${hooks.hasDeclined} ${await standingOf(world)}`
    const future = futures.get(standing) ?? futureOf(world)
    futures.set(standing, future)
    return { status, ...(await future) }
  })

// Seconds: programs that run have their work in progress after one sweep; nothing else may be left.
const tolerance = 60

async function futureOf(before: QuietWorld): Promise<Future> {
  // Another process goes on, which remembers nothing.
  const world = copyOf(before)
  await sweepOnce(world)
  const afterOne = await checkInvariants(world, tolerance)
  await bringToRest(world)
  const atRest = await checkInvariants(world, 0)
  const broken = [...afterOne, ...atRest].filter(({ state }) => state !== 'holds')
  return { state: await describeState(world), broken }
}

export const inWords = ({ at, fault, call }: Disturbance): string =>
  `${fault} at call ${at}, ${call.port}: ${call.what}`
