import http, { type ClientRequest, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { ConnectionError, isSystemCode } from './api-error.ts'
import type { Fetch } from './api.ts'

type RequestOptions = { method: string; headers: Record<string, string>; signal?: AbortSignal }

/** Requests of Node's own client: it alone can send and read trailers. Proxies of the environment are used. */
export type Connection = {
  open(url: URL, options: RequestOptions): ClientRequest
  /** Asks without a body, and follows where a GET is led. */
  ask(url: URL, options: RequestOptions): Promise<IncomingMessage>
  fetch: Fetch
}

const mostSteps = 5

/** `ca`: PEM of the authorities to trust, instead of the system's. */
export function connect({ origin }: URL, ca?: string): Connection {
  const own = opener(new URL(origin), ca)
  const open: Connection['open'] = (url, options) =>
    (url.origin === origin ? own : opener(url, ca))(url, options)

  async function ask(url: URL, options: RequestOptions, step = 0): Promise<IncomingMessage> {
    const response = await responseOf(open(url, options).end())
    const next = options.method === 'GET' && step < mostSteps ? whereTo(response, url) : undefined
    if (!next) return response
    response.resume()
    return ask(next, next.origin === url.origin ? options : withoutToken(options), step + 1)
  }

  return {
    open,
    ask,
    async fetch(url, { body, ...options }) {
      const response = await (body === undefined
        ? ask(url, options)
        : responseOf(open(url, options).end(body)))
      return { ...headOf(response), text: () => received(response, text) }
    },
  }
}

/** What opens requests to a host. */
function opener({ protocol, hostname }: URL, ca: string | undefined): Connection['open'] {
  // TLS takes as long to load as all the rest.
  const { Agent, request } = protocol === 'https:' ? process.getBuiltinModule('node:https') : http
  // No proxy can know what this machine means by itself.
  const proxyEnv = /^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname) ? undefined : process.env
  const agent = new Agent({ keepAlive: true, proxyEnv, ...(ca && { ca }) })
  return (url, options) => request(url, { ...options, agent })
}

/** Where an answer leads instead, as from http to https. */
function whereTo({ statusCode = 0, headers }: IncomingMessage, from: URL): URL | undefined {
  const { location } = headers
  if (location === undefined || ![301, 302, 303, 307, 308].includes(statusCode)) return undefined
  const url = URL.canParse(location, from.href) ? new URL(location, from) : undefined
  return url && /^https?:$/.test(url.protocol) ? url : undefined
}

/** A token is for the host it was given for. */
function withoutToken(options: RequestOptions): RequestOptions {
  const { authorization: _, ...headers } = options.headers
  return { ...options, headers }
}

/** Waits for the head of the answer. */
export function responseOf(request: ClientRequest): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  request.once('response', resolve)
  // Stays for good: what fails later is told by the streams.
  request.on('error', (error) => reject(explained(error, request)))
  return promise
}

/** Reads the whole body of an answer. */
export async function received<T>(
  response: IncomingMessage,
  read: (body: IncomingMessage) => Promise<T>,
): Promise<T> {
  try {
    return await read(response)
  } catch (error) {
    throw broken(error)
  }
}

/** The body of an answer, piece by piece; a connection that breaks is an error, not an end. */
export async function* pieces(response: IncomingMessage): AsyncGenerator<Buffer> {
  try {
    yield* response
  } catch (error) {
    throw broken(error)
  }
}

export const headOf = ({ statusCode = 0, headers }: IncomingMessage) => ({
  status: statusCode,
  headers: { get: (name: string) => [headers[name]].flat()[0] ?? null },
})

function explained(error: Error, request: ClientRequest): Error {
  if (!('code' in error) || !isNetwork(error)) return error
  const origin = `${request.protocol}//${request.getHeader('host')}`
  const why = reasons[String(error.code)] ?? messageOf(error)
  return new ConnectionError(`cannot reach ${origin}: ${why}`, error)
}

function broken(error: unknown): unknown {
  if (!(error instanceof Error) || !isNetwork(error)) return error
  return new ConnectionError('the connection broke before the answer was complete', error)
}

/** Of a host with several addresses each has failed for a reason of its own, and the error of all has none. */
const messageOf = (error: Error): string =>
  error instanceof AggregateError ? ((error.errors as Error[])[0]?.message ?? '') : error.message

const isNetwork = (error: Error): boolean =>
  'code' in error &&
  (isSystemCode(String(error.code)) ||
    /^(HPE_|ERR_TLS|ERR_SSL|CERT_|DEPTH_|SELF_|UNABLE_)/.test(String(error.code)))

const untrusted = 'its certificate is not one that is trusted here'
const reasons: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was closed before an answer',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the name of the host cannot be looked up',
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
}
