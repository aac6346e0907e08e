import { resourceLimits } from './plan.ts'

/** What one plan asks of the machine: resources of each run, how many use it now, and who waits, the oldest first. */
export type PlanDemand = {
  resources: Record<string, string>
  live: number
  waiting: readonly string[]
}

/** Who may go on now, and who never can, with the reason. */
export type Admission = { admitted: string[]; impossible: { runId: string; reason: string }[] }

/**
 * Decides which waiting runs fit beside those that are live: turns go to the plan with the fewest live runs, within a plan
 * to the oldest. A plan that does not fit just now holds the next ones back, so that large runs are not starved by small.
 */
export function admit(
  demands: readonly PlanDemand[],
  capacity: ReadonlyMap<string, number>,
  limit: number,
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
    const reason = neverFits(queue.limits, capacity)
    if (reason === undefined) continue
    admission.impossible.push(...queue.waiting.map((runId) => ({ runId, reason })))
    queue.waiting = []
  }
  while (admission.admitted.length < limit) {
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

/** What a run takes from the machine; a negative quantity gives nothing to others. */
function needs(resources: Record<string, string>): Record<string, number> {
  const limits = Object.entries(resourceLimits(resources))
  return Object.fromEntries(limits.map(([name, amount]) => [name, Math.max(amount, 0)]))
}

function use(used: Map<string, number>, limits: Record<string, number>, times: number): void {
  for (const [name, amount] of Object.entries(limits))
    used.set(name, (used.get(name) ?? 0) + amount * times)
}

function fits(
  limits: Record<string, number>,
  used: ReadonlyMap<string, number>,
  capacity: ReadonlyMap<string, number>,
): boolean {
  return Object.entries(limits).every(
    ([name, amount]) => amount === 0 || (used.get(name) ?? 0) + amount <= (capacity.get(name) ?? 0),
  )
}

function neverFits(
  limits: Record<string, number>,
  capacity: ReadonlyMap<string, number>,
): string | undefined {
  const over = Object.entries(limits).find(([name, amount]) => amount > (capacity.get(name) ?? 0))
  if (!over) return undefined
  const [name, amount] = over
  return capacity.has(name)
    ? `the plan asks for ${amount} ${name}, but there is never more than ${capacity.get(name)} here; lower its resources`
    : `the plan asks for the resource ${name}, which does not exist here`
}
