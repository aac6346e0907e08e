/** Where time comes from. Ordering and leases use the database's clock; this one is for waits and shown times. */
export interface Clock {
  now(): Date
}

export const systemClock: Clock = { now: () => new Date() }
