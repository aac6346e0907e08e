import { reconnectDelay } from '#shared/database/sql.ts'
import type { Clock } from '#shared/ports/clock.ts'
import type { World } from './context.ts'
import type { NodeBindings } from './read-request.ts'
import { answer } from './web.ts'

/** What answers a request, as a server calls it. */
export type Fetch = (request: Request, bindings: NodeBindings) => Response | Promise<Response>

/**
 * Answers `/healthz` (the process lives) and `/readyz` (the database answers), and leaves everything else to `fetch`. Around
 * the function's own app and not inside it: Hono copies the answers of nested apps, and a copy of an answer that has been
 * streamed already would be sent again.
 */
export function withHealth(world: Pick<World, 'sql' | 'log' | 'clock'>, fetch: Fetch): Fetch {
  const look = seldom(world.clock, () => findProblem(world))
  return (request, bindings) => {
    const path = pathOf(request.url)
    if (path === '/healthz') return answer('ok\n')
    if (path === '/readyz') return look().then(readiness)
    return fetch(request, bindings)
  }
}

const pathOf = (url: string): string => url.slice(url.indexOf('/', url.indexOf('//') + 2))

type Look = () => Promise<string | undefined>

/**
 * Knative asks many times a second of what is not ready yet: who asks while somebody looks is told the same, and so is for a
 * while, twice as long after each failure, who asks when a problem has been found.
 */
function seldom(clock: Clock, look: Look): Look {
  let last: Promise<string | undefined> | undefined
  let failures = 0
  const isSoon = (since: number) =>
    Math.abs(clock.now().getTime() - since) < 1000 * reconnectDelay(failures)
  let isFresh = () => true
  return () => {
    if (last && isFresh()) return last
    isFresh = () => true
    last = look().then((problem) => {
      const at = clock.now().getTime()
      failures = problem ? failures + 1 : 0
      isFresh = () => problem !== undefined && isSoon(at)
      return problem
    })
    return last
  }
}

const readiness = (problem: string | undefined): Response =>
  problem ? answer(`${problem}\n`, { status: 503 }) : answer('ok\n')

async function findProblem({ sql, log }: Pick<World, 'sql' | 'log'>) {
  try {
    await sql`select 1`
    return undefined
  } catch (error) {
    log.warn('not ready: the database does not answer', { error })
    return 'the database does not answer'
  }
}
