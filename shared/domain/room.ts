import { resourceLimits } from './quantity.ts'
import { showAmount } from './quantity.ts'

/** Amounts of resources by name, in base units. */
export type Limits = Record<string, number>

/** What a run takes from the machine; a negative quantity gives nothing to others. */
export function needs(resources: Record<string, string>): Limits {
  const limits = Object.entries(resourceLimits(resources))
  return Object.fromEntries(limits.map(([name, amount]) => [name, Math.max(amount, 0)]))
}

/** Counts runs of such needs as using the machine. */
export function use(used: Map<string, number>, limits: Limits, times: number): void {
  for (const [name, amount] of Object.entries(limits))
    used.set(name, (used.get(name) ?? 0) + amount * times)
}

/** Whether a run fits beside what is used. */
export function fits(
  limits: Limits,
  used: ReadonlyMap<string, number>,
  capacity: ReadonlyMap<string, number>,
): boolean {
  return Object.entries(limits).every(
    ([name, amount]) => amount === 0 || (used.get(name) ?? 0) + amount <= (capacity.get(name) ?? 0),
  )
}

/** Why a run would not fit if it were alone; undefined when it would. */
export function neverFits(
  limits: Limits,
  capacity: ReadonlyMap<string, number>,
): string | undefined {
  const over = Object.entries(limits).find(([name, amount]) => amount > (capacity.get(name) ?? 0))
  if (!over) return undefined
  const [name, amount] = over
  const most = capacity.get(name)
  return most !== undefined
    ? `the plan asks for ${showAmount(name, amount)} ${name}, but there is never more than ${showAmount(name, most)} here; lower its resources`
    : `the plan asks for the resource ${name}, which does not exist here`
}
