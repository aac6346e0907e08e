import type { Server } from 'node:http'
import { createAdaptorServer, type HttpBindings } from '@hono/node-server'
import type { Fetch } from './health.ts'

/** An HTTP server around `fetch`. Uploads take as long as they take; headers do not. */
export function httpServer(fetch: Fetch): Server {
  return createAdaptorServer({
    fetch: (request, bindings) => fetch(request, bindings as HttpBindings),
    serverOptions: { requestTimeout: 0, headersTimeout: 20_000 },
  }) as Server
}

// How soon a line is noticed that was still in use when the server closed.
const lookAgain = 50

/** Takes no more requests and waits for those in progress, for `grace` seconds at most. */
export async function closeServer(server: Server, grace: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  const idle = setInterval(() => server.closeIdleConnections(), lookAgain)
  const cut = setTimeout(() => server.closeAllConnections(), grace * 1000)
  await closed
  clearInterval(idle)
  clearTimeout(cut)
}
