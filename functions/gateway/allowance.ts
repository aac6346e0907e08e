import { Recent } from '#shared/runtime/recent.ts'

/** How often each of many may do something. */
export type Allowance = {
  /** Does it once more: 0, or the seconds to wait for when it may not be done now. */
  take(key: string): number
  /** The same without doing it. */
  wait(key: string): number
}

type Rate = {
  /** So often within so many seconds, all of it at once if need be. */
  times: number
  seconds: number
  /** Of how many it is remembered what they did. */
  keys?: number
}

/** A bucket for each key, which fills evenly; known of one is only when it will be full (the generic cell rate algorithm). */
export function allowance(
  { times, seconds, keys = 10_000 }: Rate,
  now: () => number = () => performance.now() / 1000,
): Allowance {
  const fullAt = new Recent<number>(keys)
  const interval = seconds / times
  const next = (key: string): number => Math.max(fullAt.get(key) ?? 0, now()) + interval
  // A little less than nothing is nothing: these are sums of fractions.
  const over = (full: number): number => {
    const wait = full - seconds - now()
    return wait > 1e-6 ? wait : 0
  }
  return {
    wait: (key) => over(next(key)),
    take(key) {
      const full = next(key)
      const wait = over(full)
      if (wait === 0) fullAt.set(key, full)
      return wait
    },
  }
}
