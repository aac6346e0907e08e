import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { partsHeader } from '#shared/contracts/route.ts'

/** What the stub answers. `cut` breaks the connection instead of ending the body. */
export type StubAnswer = {
  status?: number
  headers?: Record<string, string>
  json?: unknown
  body?: string | Buffer
  trailers?: Record<string, string>
  cut?: boolean
}

export type Seen = {
  method: string
  /** Path and query. */
  url: string
  headers: IncomingMessage['headers']
  trailers: IncomingMessage['trailers']
  body: Buffer
}

export type StubHandler = (request: Seen) => StubAnswer | 'hang up'

/** What a server of the reference answers at a path that it does not know. */
export const unknownPath: StubAnswer = { status: 404, json: { message: 'Not Found' } }

/** For tests: a server of the reference that sends an archive for any data, cut off at some byte if that is said. */
export const stubWithArchive = (body: Buffer, cutAt = body.length) =>
  stubOfTheWire(({ url }) => {
    if (/\/files?(\?|$)/.test(url)) return unknownPath
    const trailers = { 'x-checksum-md5': createHash('md5').update(body).digest('hex') }
    return {
      body: body.subarray(0, cutAt),
      ...(cutAt < body.length ? { cut: true } : { trailers }),
    }
  })

/** By this a server of ours says that it knows keys; one of the reference says nothing of what may be sent. */
export const knowsKeys: Record<string, string> = { [partsHeader.toLowerCase()]: 'min-size=0' }

/**
 * For tests: a server that says what it is told to say, on a real socket. It shows how a client speaks and listens,
 * and nothing about whether the system works.
 */
export async function stubOfTheWire(handle: StubHandler, offer: Record<string, string> = {}) {
  const requests: Seen[] = []
  const sockets = new Set<Socket>()
  const server = createServer(async (request, response) => {
    const { method = '', url = '', headers } = request
    const body = await buffer(request).catch(() => undefined)
    // Broken off by the client.
    if (!body) return
    if (method === 'OPTIONS')
      return void response.writeHead(204, { allow: 'OPTIONS', ...offer }).end()
    const seen = { method, url, headers, trailers: request.trailers, body }
    requests.push(seen)
    const answer = handle(seen)
    if (answer === 'hang up') return void request.socket.destroy()
    const { status = 200, trailers, cut } = answer
    const announced = trailers ? { trailer: Object.keys(trailers).join(', ') } : {}
    response.writeHead(status, { ...announced, ...answer.headers })
    const content = answer.body ?? (answer.json === undefined ? '' : JSON.stringify(answer.json))
    if (cut) return void response.write(content, () => request.socket.destroy())
    if (content !== '') response.write(content)
    if (trailers) response.addTrailers(trailers)
    response.end()
  })
  server.on('connection', (socket) => sockets.add(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    apiRoot: `http://127.0.0.1:${port}/api`,
    requests,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
