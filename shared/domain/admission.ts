import { fits, needs, neverFits, sum, use, type Limits } from './room.ts'

/** What one plan asks of the machine: resources of each run, how many use it now, and who waits, the oldest first. */
export type PlanDemand = {
  planId: string
  resources: Record<string, string>
  live: number
  waiting: readonly string[]
}

/** Who may go on now, and who never can, with the reason. */
export type Admission = { admitted: string[]; impossible: { runId: string; reason: string }[] }

/** How many runs of a plan are live and wait, and what each needs. */
export type Queue = { limits: Limits; live: number; waiting: number }

/**
 * Decides which waiting runs fit beside those that are live: turns go to the plan with the fewest live runs, within a plan
 * to the oldest. At most `liveRuns` are live at a time; 0 stands for any number. No plan has all of them, see `hasItsShare`.
 */
export function admit(
  demands: readonly PlanDemand[],
  capacity: ReadonlyMap<string, number>,
  limit: number,
  liveRuns = 0,
): Admission {
  const admission: Admission = { admitted: [], impossible: [] }
  const plans = demands.map(({ planId, resources, live, waiting }) => {
    const limits = needs(resources)
    const reason = neverFits(planId, limits, capacity)
    if (reason === undefined) return { limits, live, left: [...waiting] }
    admission.impossible.push(...waiting.map((runId) => ({ runId, reason })))
    return { limits, live, left: [] }
  })
  const queues = plans.map(({ left, ...plan }) => ({ ...plan, waiting: left.length }))
  for (const own of turns(queues, capacity, { limit, liveRuns })) {
    const runId = plans[own]?.left.shift()
    if (runId !== undefined) admission.admitted.push(runId)
  }
  return admission
}

// A plan alone has three quarters, a second one three quarters of the rest, and so on.
const share = 3

/**
 * Whether a plan with so many live runs has to leave those that may still begin, `free`, to others: what is live may never end, as where
 * no node has what it asks for, and fairness between those who wait is of no use when nobody is admitted any more.
 */
export const hasItsShare = (live: number, free: number): boolean => live >= share * free

/**
 * The index of the plan whose next run goes on, again and again. What a run whose turn it is needs is held for it when it does not fit
 * just now, so that large runs are not starved by small; others may have the rest.
 */
export function* turns(
  queues: readonly Queue[],
  capacity: ReadonlyMap<string, number>,
  { limit = Infinity, liveRuns = 0 },
): Generator<number> {
  const used = new Map<string, number>()
  for (const { limits, live } of queues) use(used, limits, live)
  const left = queues.map((queue, own) => ({ ...queue, own }))
  let free = (liveRuns || Infinity) - sum(queues.map(({ live }) => live))
  for (let given = 0; given < limit;) {
    const waiting = left.filter((queue) => queue.waiting > 0)
    if (waiting.length === 0) return
    const next = waiting.reduce((least, queue) => (queue.live < least.live ? queue : least))
    // And so have the others, who have more.
    if (hasItsShare(next.live, free)) return
    if (fits(next.limits, used, capacity)) {
      next.live += 1
      next.waiting -= 1
      given += 1
      free -= 1
      yield next.own
    } else next.waiting = 0
    use(used, next.limits, 1)
  }
}
