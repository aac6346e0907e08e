/** How claims grow, all in bytes. */
export type Growth = {
  /** What has to be free at the least. */
  margin: number
  /** By how much a claim grows at a time. */
  delta: number
  /** What no claim grows beyond; none has an end unless it is given. */
  most?: number
}

// Some clouds sell nothing smaller.
const whole = 1e9

/** What a claim should ask for; undefined while it has room enough, and when it may not grow any more. Nothing ever shrinks. */
export function grown(
  { capacity, used }: { capacity: number; used: number },
  { margin, delta, most = Infinity }: Growth,
): number | undefined {
  if (used + margin < capacity) return undefined
  const wanted = Math.ceil((Math.max(capacity, used) + delta) / whole) * whole
  const next = Math.min(wanted, most)
  return next > capacity ? next : undefined
}
