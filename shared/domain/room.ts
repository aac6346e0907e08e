import { resourceLimits } from './quantity.ts'
import { showAmount } from './quantity.ts'
import { shellLine } from './shell.ts'

/** Amounts of resources by name, in base units. */
export type Limits = Record<string, number>

export const sum = (counts: readonly number[]): number =>
  counts.reduce((total, count) => total + count, 0)

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

/** Why a run of a plan would not fit if it were alone, and what to do about it; undefined when it would. */
export function neverFits(
  planId: string,
  limits: Limits,
  capacity: ReadonlyMap<string, number>,
): string | undefined {
  const over = Object.entries(limits).find(([name, amount]) => amount > (capacity.get(name) ?? 0))
  if (!over) return undefined
  const [name, amount] = over
  const most = capacity.get(name)
  const advice = (...change: string[]) =>
    `${shellLine(['knit', 'plan', 'resource', planId, ...change])} and then retry the run`
  if (most === undefined)
    return `the plan asks for the resource ${name}, which does not exist here; to do without: ${advice('--unset', name)}`
  const room = showAmount(name, most)
  return `the plan asks for ${showAmount(name, amount)} ${name}, but there is never more than ${room} here; to lower it: ${advice('--set', `${name}=${room}`)}`
}
