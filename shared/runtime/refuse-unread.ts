import { randomUUID } from 'node:crypto'
import { maxHeaderSize, STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { Problem } from '#shared/contracts/problems.ts'
import { problemResponse } from './respond.ts'
import { lightRequest, type LightResponse } from './web.ts'

type Unread = Error & { code?: string; reason?: string }
type Answering = { _httpMessage?: ServerResponse | null }

/** Tells who has sent what is no request why it is none, in the form of every error, and cuts the line. */
export function refuseUnread(error: Unread, socket: Duplex): void {
  // What was told once is told for all that comes behind it.
  if (socket.writableEnded) return
  // In an answer that is on its way another one would be taken for a part of it. Node itself looks here.
  const { _httpMessage: answering } = socket as Answering
  if (error.code === 'ECONNRESET' || !socket.writable || answering?.headersSent) {
    socket.destroy(error)
    return
  }
  endWith(socket, problemResponse(problemOf(error), fromNobody({}), randomUUID()))
}

/** Nobody is led through us to others. Without this the line would be cut without a word. */
export function refuseConnect({ headers }: IncomingMessage, socket: Duplex): void {
  // Who goes away first is not waited for, and does no harm.
  socket.on('error', () => {})
  const detail = 'Nobody is led through here to another server.'
  const problem = new Problem('method-not-allowed', detail, { headers: { allow: '' } })
  endWith(socket, problemResponse(problem, fromNobody(headers), randomUUID()))
}

/** What is told who asks at an address that is none. */
export function refuseAddress({ headers }: IncomingMessage): Response {
  const why =
    headers.host === undefined
      ? 'The request has no header Host, which says whom it is for.'
      : 'The path of the request and its header Host make no address.'
  return problemResponse(new Problem('bad-request', why), fromNobody(headers), randomUUID())
}

/** By the words that Node has for it. */
function problemOf({ code, reason }: Unread): Problem {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new Problem(
      'head-stalled',
      'The address and the headers did not come to their end in time; send them again.',
    )
  if (code === 'HPE_HEADER_OVERFLOW')
    return new Problem(
      'head-too-large',
      `The address and the headers of the request have more than ${maxHeaderSize} bytes together, which is the limit; ask for less at a time.`,
    )
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW')
    return new Problem('too-large', 'The extensions of a chunk are longer than anybody reads.')
  const why = reason ? `: ${reason}` : ''
  return new Problem('bad-request', `What was sent cannot be read as HTTP${why}.`)
}

/** A request of which no more is known than, at most, its headers. */
const fromNobody = (headers: IncomingMessage['headers']): Request =>
  lightRequest({
    method: 'GET',
    url: 'http://localhost/',
    headers,
    signal: () => new AbortController().signal,
  })

/** Writes an answer by hand to a line on which Node answers nothing. */
function endWith(socket: Duplex, response: Response): void {
  const { status, headers, content } = response as unknown as LightResponse
  const body = content ?? ''
  const fields = {
    ...Object.fromEntries(headers),
    'x-content-type-options': 'nosniff',
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  }
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n`
  socket.end(`${head}${body}`, () => socket.destroy())
}
