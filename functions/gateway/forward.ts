import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { Problem } from '#shared/contracts/problems.ts'
import { routeFolder, type Route } from '#shared/contracts/route.ts'
import type { NodeBindings } from '#shared/runtime/read-request.ts'
import { endHeardOut } from '#shared/runtime/answer-early.ts'
import type { Config } from '#shared/runtime/config.ts'
import { cutOffIdle } from '#shared/runtime/patience.ts'
import { sent } from '#shared/runtime/web.ts'

type Settings = Pick<Config, 'functionUrl' | 'uploadLease'>

/** What is said to this end of the line alone, and who one is, which functions are told by an identity. */
const notPassedOn = new Set([
  'authorization',
  'cookie',
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
])

/** Takes requests to functions over HTTP; bytes and trailers pass through as they come. */
export function forwardOverHttp({ functionUrl, uploadLease }: Settings) {
  const agent = new http.Agent({ keepAlive: true })
  return async (
    route: Route,
    request: Request,
    { incoming, outgoing }: NodeBindings,
  ): Promise<Response> => {
    if (!incoming || !outgoing) throw new Error('requests are forwarded from a Node server only')
    const { pathname, search } = new URL(request.url)
    const target = new URL(functionUrl.replace('{function}', `api-${routeFolder(route)}`))
    // Set, not resolved: a path that begins with two slashes would lead to another host.
    Object.assign(target, { pathname, search })
    const headers = endToEnd({ ...Object.fromEntries(request.headers), host: target.host })
    // What has no body by contract is sent without one, whatever the caller sends.
    if (!route.body) delete headers['content-length']
    const onward = http.request(target, { agent, method: request.method, headers })
    const answered = answerOf(onward, functionAway)
    if (route.body) passBody(incoming, onward)
    else onward.end()
    await passOn(await answered, { incoming, outgoing, onward }, uploadLease)
    return sent
  }
}

const functionAway = (cause: Error): Problem =>
  new Problem('unavailable', 'The function that serves this is away; try again in a moment.', {
    cause,
  })

/** Not by `pipeline`: that would cut the caller's line, and with it the answer, when the function takes no more. */
function passBody(incoming: IncomingMessage, onward: http.ClientRequest): void {
  incoming.pipe(onward, { end: false })
  incoming.once('end', () => {
    onward.addTrailers(incoming.trailers as Record<string, string>)
    onward.end()
  })
  incoming.once('close', () => {
    if (!incoming.complete) onward.destroy()
  })
}

/** The answer to a request that is passed on; when there is none, the problem that `away` makes of why. */
export function answerOf(
  onward: http.ClientRequest,
  away: (cause: Error) => Problem,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    onward.once('response', resolve)
    onward.on('error', (cause) => reject(away(cause)))
  })
}

/** Both ends of a caller's line, and the request that is made of what comes there. */
type Between = { incoming: IncomingMessage; outgoing: ServerResponse; onward: http.ClientRequest }

/** Gives an answer as it comes, with its trailers. One that breaks off is cut, and so is who takes nothing for `patience` seconds. */
export async function passOn(
  answer: IncomingMessage,
  { incoming, outgoing, onward }: Between,
  patience: number,
): Promise<void> {
  outgoing.writeHead(answer.statusCode ?? 502, endToEnd(answer.headers))
  cutOffIdle(outgoing, patience)
  try {
    await pipeline(answer, outgoing, { end: false })
    outgoing.addTrailers(answer.trailers as Record<string, string>)
    // Answered while it is being sent: nobody has use for the rest, but the caller must find the line open.
    incoming.unpipe(onward)
    if (!onward.writableEnded) onward.destroy()
    await endHeardOut({ incoming, outgoing })
  } catch {
    // Cut, so that nobody takes a part for the whole.
    outgoing.destroy()
  }
}

/** Headers for whoever is behind us: neither those of one connection, nor those of who asks. */
export const endToEnd = (headers: NodeJS.Dict<string | string[]>): NodeJS.Dict<string | string[]> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !notPassedOn.has(name)))
