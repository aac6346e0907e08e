import { hasItsShare, turns } from './admission.ts'
import { showAmount } from './quantity.ts'
import { fits, needs, neverFits, sum, use, type Limits } from './room.ts'

/** How many runs of a plan are live, how many wait, and what each asks of the machine. */
export type PlanQueue = {
  planId: string
  resources: Record<string, string>
  live: number
  waiting: number
}

/**
 * Of a waiting run: the index of its plan among the queues, how many runs of that plan wait before it, and whether a hook, or a
 * step that failed, has put it back there.
 */
export type Place = { own: number; before: number; putBack?: boolean }

/**
 * Tells what waiting runs wait for, and at which place, as `admit` would see to them; undefined when there is room for one that
 * was put back: it is not the room that it waits for.
 */
export function explainWaits(
  queues: readonly PlanQueue[],
  capacity: ReadonlyMap<string, number>,
  liveRuns = 0,
): (place: Place) => string | undefined {
  const all = queues.map((queue) => {
    const limits = needs(queue.resources)
    const never = neverFits(queue.planId, limits, capacity)
    return { ...queue, limits, never, waiting: never === undefined ? queue.waiting : 0 }
  })
  const places = sum(all.map(({ waiting }) => waiting))
  const free = (liveRuns || Infinity) - sum(all.map(({ live }) => live))
  const used = new Map<string, number>()
  for (const { limits, live } of all) use(used, limits, live)
  const goOn = new Map<number, number>()
  for (const own of turns(all, capacity, { liveRuns })) goOn.set(own, (goOn.get(own) ?? 0) + 1)

  return ({ own, before, putBack = false }) => {
    const plan = all[own]
    if (!plan) throw new Error(`there is no queue ${own}`)
    if (plan.never !== undefined) return plan.never
    const ahead = all.map((queue, index) =>
      index === own ? before : turnsBefore(plan.live + before, queue, index < own),
    )
    const place = `place ${1 + sum(ahead)} of ${places}`
    const lack =
      lacking(plan, used, capacity) ??
      (hasItsShare(plan.live, free)
        ? `the end of another run${limitOf(liveRuns, free)}`
        : undefined)
    if (lack !== undefined) return `it waits for ${lack}; ${place}`
    if (before >= (goOn.get(own) ?? 0)) return `it waits for its turn; ${place}`
    return putBack ? undefined : `it is about to be admitted; ${place}`
  }
}

const limitOf = (liveRuns: number, free: number): string =>
  free > 0
    ? ` of its plan: of the ${liveRuns} that may be live at a time (KNIT_LIVE_RUNS) ${free} are left to other plans`
    : `: ${liveRuns} may be live at a time (KNIT_LIVE_RUNS)`

/** How many waiting runs of a plan come before a turn. The turn of a run is how many runs of its plan are live by then. */
const turnsBefore = (turn: number, { live, waiting }: PlanQueue, firstOfEquals: boolean): number =>
  Math.min(Math.max(turn - live + (firstOfEquals ? 1 : 0), 0), waiting)

/** The first resource of which there is not enough just now: `cpu: 3 of 8 are free, it asks for 4`. */
function lacking(
  { limits, resources }: { limits: Limits; resources: Record<string, string> },
  used: ReadonlyMap<string, number>,
  capacity: ReadonlyMap<string, number>,
): string | undefined {
  const name = Object.keys(limits).find(
    (name) => !fits({ [name]: limits[name] ?? 0 }, used, capacity),
  )
  if (name === undefined) return undefined
  const all = capacity.get(name) ?? 0
  const free = Math.max(all - (used.get(name) ?? 0), 0)
  return `${name}: ${showAmount(name, free)} of ${showAmount(name, all)} are free, it asks for ${resources[name]}`
}
