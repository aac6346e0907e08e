import { fits, needs, neverFits, sum, use } from './room.ts'

/** What one plan asks of the machine: resources of each run, how many use it now, and who waits, the oldest first. */
export type PlanDemand = {
  planId: string
  resources: Record<string, string>
  live: number
  waiting: readonly string[]
}

/** Who may go on now, and who never can, with the reason. */
export type Admission = { admitted: string[]; impossible: { runId: string; reason: string }[] }

/**
 * Decides which waiting runs fit beside those that are live: turns go to the plan with the fewest live runs, within a plan
 * to the oldest. A plan that does not fit just now holds the next ones back, so that large runs are not starved by small.
 * At most `liveRuns` are live at a time; 0 stands for any number.
 */
export function admit(
  demands: readonly PlanDemand[],
  capacity: ReadonlyMap<string, number>,
  limit: number,
  liveRuns = 0,
): Admission {
  const admission: Admission = { admitted: [], impossible: [] }
  const queues = demands.map((demand) => ({
    ...demand,
    limits: needs(demand.resources),
    waiting: [...demand.waiting],
  }))
  const used = new Map<string, number>()
  for (const { limits, live } of queues) use(used, limits, live)

  for (const queue of queues) {
    const reason = neverFits(queue.planId, queue.limits, capacity)
    if (reason === undefined) continue
    admission.impossible.push(...queue.waiting.map((runId) => ({ runId, reason })))
    queue.waiting = []
  }
  const most = Math.min(limit, (liveRuns || Infinity) - sum(queues.map(({ live }) => live)))
  while (admission.admitted.length < most) {
    const next = queues
      .filter(({ waiting }) => waiting.length > 0)
      .sort((a, b) => a.live - b.live)[0]
    const runId = next?.waiting[0]
    if (!next || runId === undefined || !fits(next.limits, used, capacity)) break
    next.waiting.shift()
    next.live += 1
    use(used, next.limits, 1)
    admission.admitted.push(runId)
  }
  return admission
}
