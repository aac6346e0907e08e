import type { RequestListener, Server } from 'node:http'
import { defaultPort } from './default-port.ts'

// Not imported: an import of node:http makes Node load all that it could export, `fetch` included, which takes as long as
// everything else here.
const { createServer } = process.getBuiltinModule('node:http')

/** Uploads take as long as they take; headers do not. */
export const serverOptions = { requestTimeout: 0, headersTimeout: 20_000 }

// Loading keeps the process busy for some tens of milliseconds: time for a probe that has waited for the port to be answered.
const loadAfter = 5

/**
 * Listens at once and loads the function then, in a moment or when somebody asks for it. Until it is there `/healthz` is
 * answered, which says that the process lives and nothing more. What goes wrong while loading ends the process.
 */
export function boot(load: (server: Server) => RequestListener, env = process.env): Server {
  const server = createServer(serverOptions)
  let listener: RequestListener | undefined
  const loaded = (): RequestListener => (listener ??= sparing(() => load(server)))
  const port = Number(env['KNIT_PORT'] || defaultPort)
  // With the other mistakes in the settings, all named at once.
  if (!(port >= 0 && port <= 65_535)) loaded()
  server.on('request', (request, response) => {
    if (request.url === '/healthz') response.end('ok\n')
    else loaded()(request, response)
  })
  // Without a host there is nothing to resolve, and the modules that would do it are not loaded.
  server.listen({ port, ...(env['KNIT_HOST'] && { host: env['KNIT_HOST'] }) }, () =>
    setTimeout(loaded, loadAfter),
  )
  return server
}

/** What is thrown away while loading would make the heap grow, for good, by 4 MiB that an idle function never needs again. */
function sparing<T>(load: () => T): T {
  const { setFlagsFromString } = process.getBuiltinModule('node:v8')
  setFlagsFromString('--semi-space-growth-factor=1')
  try {
    return load()
  } finally {
    setFlagsFromString('--semi-space-growth-factor=2')
  }
}
