import { randomUUID } from 'node:crypto'
import { Problem } from '#shared/contracts/problems.ts'
import { findMismatch } from '#shared/database/schema.ts'
import type { World } from './context.ts'
import type { Fetch } from './health.ts'
import { problemResponse } from './respond.ts'

// A schema that has changed is noticed by requests that come this much later.
const freshFor = 1000

/**
 * Lets `fetch` answer while the database has a schema it can work with; else everybody is told to come back, and why. While it is
 * upgraded functions of two releases are at work, beside a schema that is that of one of them.
 */
export function withSchema(world: Pick<World, 'sql' | 'log' | 'clock'>, fetch: Fetch): Fetch {
  const look = lookNowAndThen(world)
  return async (request, bindings) => {
    const mismatch = await look()
    if (mismatch === undefined) return fetch(request, bindings)
    world.log.warn('not served', { mismatch })
    const requestId = request.headers.get('x-request-id') ?? randomUUID()
    return problemResponse(new Problem('unavailable', mismatch), request, requestId)
  }
}

type Look = () => Promise<string | undefined>

/** Who asks while somebody looks is told the same. Without a database nobody is refused: that is said by whoever needs it. */
function lookNowAndThen({ sql, clock }: Pick<World, 'sql' | 'clock'>): Look {
  let seen: Promise<string | undefined> | undefined
  let at = 0
  return () => {
    const now = clock.now().getTime()
    if (!seen || Math.abs(now - at) > freshFor) {
      at = now
      seen = findMismatch(sql).catch(() => undefined)
    }
    return seen
  }
}
