import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Server as TlsServer } from 'node:https'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import type { Fetch } from './health.ts'
import { errorText } from './log.ts'
import { cutOffIdle, cutOffSlow, cutOffSlowReader, Patience } from './patience.ts'
import { Recent } from './recent.ts'
import { refuseAddress, refuseConnect, refuseUnread } from './refuse-unread.ts'
import { LightResponse, lightRequest, sent } from './web.ts'

/** An HTTP server around `fetch`. Uploads take as long as they take; heads do not, and nobody holds a line without using it. */
export const httpServer = (fetch: Fetch, patience: Patience = usual()): Server =>
  answeringAll(createServer(optionsOf(patience)), listener(fetch, patience)).on(
    'connection',
    (socket) => cutOffSlowReader(socket, patience),
  )

/** The same over TLS, of which nothing is loaded where it is not asked for. */
export const httpsServer = (
  fetch: Fetch,
  certificate: { cert: string; key: string },
  patience: Patience = usual(),
): TlsServer =>
  answeringAll(
    process.getBuiltinModule('node:https').createServer({ ...optionsOf(patience), ...certificate }),
    listener(fetch, patience),
  ).on('secureConnection', (socket) => cutOffSlowReader(socket, patience))

const usual = (): Patience => Patience.parse({})

const optionsOf = ({ headersTimeout }: Patience) => ({
  // Who names no host is told so by us: of Node's own answer nobody would know why.
  requireHostHeader: false,
  requestTimeout: 0,
  headersTimeout: headersTimeout * 1000,
  handshakeTimeout: headersTimeout * 1000,
  // How often Node looks for who is late: half a minute, unless given.
  connectionsCheckingInterval: (headersTimeout * 1000) / 4,
})

type Listener = (incoming: IncomingMessage, outgoing: ServerResponse) => void

/** Leaves no answer to Node, whose own have no content: what is expected besides `100-continue` may be passed over (RFC 9110, 10.1.1). */
function answeringAll<S extends Server>(server: S, listen: Listener): S {
  server.on('request', listen).on('checkExpectation', listen)
  server.on('clientError', refuseUnread).on('connect', refuseConnect)
  return server
}

const listener =
  (fetch: Fetch, patience: Patience): Listener =>
  (incoming, outgoing) =>
    void serve(fetch, { incoming, outgoing }, patience)

// How soon a line is noticed that was still in use when the server closed.
const lookAgain = 50

/** Takes no more requests and waits for those in progress, for `grace` seconds at most. */
export async function closeServer(server: Server | TlsServer, grace: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  const idle = setInterval(() => server.closeIdleConnections(), lookAgain)
  const cut = setTimeout(() => server.closeAllConnections(), grace * 1000)
  await closed
  clearInterval(idle)
  clearTimeout(cut)
}

type Line = { incoming: IncomingMessage; outgoing: ServerResponse }

async function serve(
  fetch: Fetch,
  { incoming, outgoing }: Line,
  patience: Patience,
): Promise<void> {
  // Before anybody answers, so that no answer is without it: bytes of users are what we say they are, whatever they look like.
  outgoing.setHeader('x-content-type-options', 'nosniff')
  const { method = 'GET' } = incoming
  const url = urlOf(incoming)
  if (!url) {
    outgoing.setHeader('connection', 'close')
    await write(refuseAddress(incoming), outgoing, patience)
    return
  }
  const { headers } = incoming
  cutOffSlow(incoming, patience)
  try {
    const request = lightRequest({ method, url, headers, signal: () => endOf(outgoing) })
    const response = await fetch(request, { incoming, outgoing })
    // Hono answers HEAD with a copy of what GET is answered with, which is no longer known as sent.
    if (response === sent || (method === 'HEAD' && outgoing.headersSent)) return
    await write(response, outgoing, patience)
  } catch (error) {
    // Its words alone: what else an error carries may be what somebody has sent.
    console.error(errorText(error))
    if (outgoing.headersSent) outgoing.destroy()
    else outgoing.writeHead(500).end()
  }
}

const hostName = /^([\w.-]+|\[[\da-f:.]+\])(:\d+)?$/i
// Paths and queries that are their own normal form, as nearly all are.
const normal = /^(\/[\w~-][\w.~-]*)*\/?(\?[\w.~%=&+,:/-]*)?$/
const origins = new Recent<string>(100)

/** The address that was asked for, in its normal form; undefined when it is none. */
function urlOf({ url = '', httpVersion, headers }: IncomingMessage): string | undefined {
  // Only since 1.1 everybody has to say it.
  const { host = httpVersion === '1.0' ? 'localhost' : '' } = headers
  if (normal.test(url) && url !== '') {
    const origin = originOf(host)
    return origin && `${origin}${url}`
  }
  const [path = ''] = url.split('?', 1)
  if (!hostName.test(host) || path.includes('\\')) return undefined
  const whole = path.startsWith('/') ? `http://${host}${url}` : url
  return /^https?:/i.test(whole) ? URL.parse(whole)?.href : undefined
}

/** To read an address takes longer than to look up what came of it the last time. */
function originOf(host: string): string | undefined {
  const known = origins.get(host)
  if (known !== undefined) return known
  const origin = hostName.test(host) ? URL.parse(`http://${host}`)?.origin : undefined
  if (origin !== undefined) origins.set(host, origin)
  return origin
}

/** A signal for those who work on an answer: it is aborted when the caller goes away before the end. */
function endOf(outgoing: ServerResponse): AbortSignal {
  const gone = new AbortController()
  if (outgoing.destroyed && !outgoing.writableFinished) gone.abort()
  outgoing.once('close', () => {
    if (!outgoing.writableFinished) gone.abort()
  })
  return gone.signal
}

async function write(
  response: Response | LightResponse,
  outgoing: ServerResponse,
  { uploadLease }: Patience,
): Promise<void> {
  const headers = Object.fromEntries(response.headers)
  if (response instanceof LightResponse) {
    const { status, content } = response
    if (content !== null) headers['content-length'] = String(Buffer.byteLength(content))
    outgoing.writeHead(status, headers).end(content)
    // What a reader takes at once, as nearly all of them do, is gone by now.
    if (outgoing.writableLength > 0) cutOffIdle(outgoing, uploadLease)
    return
  }
  outgoing.writeHead(response.status, headers)
  if (!response.body) {
    outgoing.end()
    return
  }
  cutOffIdle(outgoing, uploadLease)
  await pipeline(Readable.fromWeb(response.body as ReadableStream), outgoing)
}
