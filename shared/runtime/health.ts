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
export function withHealth(world: Pick<World, 'sql' | 'log'>, fetch: Fetch): Fetch {
  let looking: Promise<string | undefined> | undefined
  // Knative asks many times a second of what is not ready yet: who asks meanwhile is told the same.
  const look = () => (looking ??= findProblem(world).finally(() => (looking = undefined)))
  return (request, bindings) => {
    const path = pathOf(request.url)
    if (path === '/healthz') return answer('ok\n')
    if (path === '/readyz') return look().then(readiness)
    return fetch(request, bindings)
  }
}

const pathOf = (url: string): string => url.slice(url.indexOf('/', url.indexOf('//') + 2))

const readiness = (problem: string | undefined): Response =>
  problem ? answer(`${problem}\n`, { status: 503 }) : answer('ok\n')

async function findProblem({ sql, log }: Pick<World, 'sql' | 'log'>): Promise<string | undefined> {
  try {
    await sql`select 1`
    return undefined
  } catch (error) {
    log.warn('not ready: the database does not answer', { error })
    return 'the database does not answer'
  }
}
