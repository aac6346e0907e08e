import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'

/** A call that a hook got: its path, headers, and the body. */
export type Call = { path: string; headers: IncomingHttpHeaders; body: Record<string, unknown> }

/** Hooks on this machine, until the test has ended: every call is kept, and answered as `answer` says. */
export async function hookServer(
  answer: (call: Call, response: ServerResponse) => void = (_, response) => void response.end(),
): Promise<{ url: string; calls: Call[] }> {
  const calls: Call[] = []
  const server = createServer(async (request, response) => {
    const body = (await json(request)) as Record<string, unknown>
    const call = { path: request.url ?? '', headers: request.headers, body }
    calls.push(call)
    answer(call, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls }
}
