import { Problem } from '#shared/contracts/problems.ts'

/** Refuses a length of time that begins nowhere. */
export function checkWindow(query: {
  since?: Date | undefined
  duration?: number | undefined
}): void {
  if (query.duration !== undefined && query.since === undefined)
    throw new Problem('bad-request', '"duration" needs "since": say when the window begins.')
}
