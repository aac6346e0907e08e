import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { addData, Refusal, routesOver, sampleThings, type Answer } from './test-routes.ts'

/** What happens to a line: it breaks while a request comes, or when it has been served and is to be answered. */
type Fault = 'cut' | 'answer lost'

/**
 * For tests: a server with the API of the reference implementation and nothing else: its routes, its answers, its errors. What it does not know,
 * as the key of a request, it passes over. A line to it breaks as `faults` say, by the name of a route.
 */
export async function doubleOfTheReference(faults: Partial<Record<string, Fault[]>> = {}) {
  const things = sampleThings()
  const { data, archives, plans, runs } = things
  const routes = routesOver(things)
  /** Every request of a route it has, and every one of another. */
  const served: string[] = []
  const unknown: string[] = []

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://h')
    const { method = '' } = request
    const there = Object.entries(routes).flatMap(([name, serve]) => {
      const [own = '', path = ''] = name.split(' ')
      const match = new RegExp(`^${path.replace(':id', '([^/]+)')}/?$`).exec(pathname)
      return match ? [{ name, own, serve, id: match[1] ?? '' }] : []
    })
    const allow = ['OPTIONS', ...there.map(({ own }) => own)].join(', ')
    if (there.length > 0 && method === 'OPTIONS')
      return void response.writeHead(204, { allow }).end()
    const found = there.find(({ own }) => own === method)
    if (!found) {
      unknown.push(`${method} ${pathname}`)
      const [status, message] = there.length > 0 ? [405, 'Method Not Allowed'] : [404, 'Not Found']
      request.resume()
      return send(response, { status, json: { message } })
    }
    served.push(found.name)
    const fault = faults[found.name]?.shift()
    if (fault === 'cut') {
      await once(request, 'data')
      if (found.name === 'POST /api/data') addData(things, ['knit#transient:failed'])
      return void request.socket.destroy()
    }
    const body = await buffer(request)
    const type = request.headers['content-type']
    try {
      const given = found.serve({ id: found.id, query: searchParams, type, body })
      if (fault === 'answer lost' || given === 'panic') request.socket.destroy()
      else send(response, given)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      send(response, { status: error.status, json: { message: error.message } })
    }
  }

  const server = createServer((request, response) => void answer(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    apiRoot: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api`,
    data,
    archives,
    plans,
    runs,
    served,
    unknown,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function send(response: ServerResponse, { status = 200, json, body, archive }: Answer): void {
  if (json !== undefined) {
    const letters = { '<': '\\u003c', '>': '\\u003e', '&': '\\u0026' }
    const text = JSON.stringify(json).replace(/[<>&]/g, (it) => letters[it as '<'])
    response.writeHead(status, { 'content-type': 'application/json' }).end(`${text}\n`)
  } else if (archive) {
    const trailer = 'x-checksum-md5'
    response.writeHead(status, { 'content-type': 'application/tar+gzip', trailer })
    response.write(archive)
    response.addTrailers({ [trailer]: createHash('md5').update(archive).digest('hex') })
    response.end()
  } else response.writeHead(status, { 'content-type': 'application/octet-stream' }).end(body)
}
