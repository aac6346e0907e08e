import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { Problem } from '#shared/contracts/problems.ts'
import { routeFolder, type Route } from '#shared/contracts/route.ts'
import type { NodeBindings } from '#shared/runtime/read-request.ts'

const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'transfer-encoding',
  'upgrade',
])

/**
 * Takes requests to functions over HTTP; bytes and trailers pass through as they come. `template` says where a function is:
 * `{function}` stands for its name.
 */
export function forwardOverHttp(template: string) {
  const agent = new http.Agent({ keepAlive: true })
  return async (
    route: Route,
    request: Request,
    { incoming, outgoing }: NodeBindings,
  ): Promise<Response> => {
    if (!incoming || !outgoing) throw new Error('requests are forwarded from a Node server only')
    const { pathname, search } = new URL(request.url)
    const target = new URL(
      `${pathname}${search}`,
      template.replace('{function}', `api-${routeFolder(route)}`),
    )
    const headers = { ...Object.fromEntries(request.headers), host: target.host }
    const onward = http.request(target, {
      agent,
      method: request.method,
      headers: endToEnd(headers),
    })
    const answered = answerOf(onward)
    const sent = pipeline(incoming, onward)
    sent.catch(() => {})
    await passOn(await answered, outgoing)
    return RESPONSE_ALREADY_SENT
  }
}

function answerOf(onward: http.ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    onward.once('response', resolve)
    onward.once('error', (cause) =>
      reject(
        new Problem(
          'unavailable',
          'The function that serves this is away; try again in a moment.',
          { cause },
        ),
      ),
    )
  })
}

async function passOn(answer: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  outgoing.writeHead(answer.statusCode ?? 502, endToEnd(answer.headers))
  try {
    await pipeline(answer, outgoing, { end: false })
    outgoing.addTrailers(answer.trailers as Record<string, string>)
    outgoing.end()
  } catch {
    // Cut, so that nobody takes a part for the whole.
    outgoing.destroy()
  }
}

const endToEnd = (headers: NodeJS.Dict<string | string[]>): NodeJS.Dict<string | string[]> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !hopByHop.has(name)))
