import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { data } from '#shared/contracts/data.ts'
import { uploadHeaders } from '#shared/contracts/route.ts'
import { archiveTypes, type Coding } from '#shared/domain/archive-type.ts'
import type { DataDetail } from '#shared/domain/data.ts'
import { headersFor, keyFor, readAnswer, refusal, type ApiOptions } from './api.ts'
import { changing } from './changing.ts'
import { headOf, received, responseOf, type Connection } from './connection.ts'
import { secretOf, signedIn } from './credential.ts'
import { ApiError } from './api-error.ts'
import { offerOf } from './offer.ts'
import { goingOn, restOf, Seen, SentAnother, type Came } from './resumed.ts'
import { retried } from './retry.ts'

export const checksumTrailer = 'x-checksum-md5'

/** What can be sent: an archive, once, or one that can be made again, compressed as the server likes it. */
export type Sendable = Readable | ((coding: Coding) => Readable)

type Upload = ApiOptions & { connection: Connection; url: URL; signal?: AbortSignal | undefined }

// While what has come is looked through again, the server keeps it for as long as somebody asks.
const askedEvery = 15_000
const mostMoves = 10

/**
 * Sends an archive with its checksum behind it. One that can be made again goes on when the line breaks, behind what has come; where the
 * server knows nothing of that, or of what has come, it is sent from its first byte. Either way it is one data: what a server may have
 * taken that knows no keys is not sent again, which `MaybeDone` tells.
 */
export async function upload(archive: Sendable, to: Upload): Promise<DataDetail> {
  const { connection, token, signal, onAway, onResumed } = to
  const key = keyFor(data.push)
  if (typeof archive !== 'function') {
    const request = begin(to, { ...headersFor(await secretOf(token)), ...typed('gzip'), ...key })
    const sent = unsent()
    return changing(data.push, {
      ask: () => send(archive, restOf(archive, nothing, sent.seen), request, sent),
      isSent: () => sent.isWhole,
      knowsKeys: async () => false,
      patiently: (ask) => ask(),
    })
  }
  const patience = { signal, onAway, onResumed }
  const offer = await retried(() => offerOf(connection.fetch, to), patience)
  let isBegun = false
  let sent = unsent()
  let reached = 0
  let moved = 0

  const attempt = async (secret?: string): Promise<DataDetail> => {
    const own = { ...headersFor(secret), ...key }
    const came = isBegun && offer.keys ? await askedOf(to, own) : undefined
    isBegun = true
    if (came && 'knitId' in came) return came
    const headers = { ...own, ...typed(offer.coding) }
    if (!came) return anew(headers)
    reached = Math.max(reached, came.bytes)
    try {
      return (await goOn(headers, came)) ?? (await anew(headers))
    } catch (error) {
      // What was on its way when the line broke may arrive when somebody has asked how much has come, and its server may end then.
      if (!isKnownBetter(error) || (moved += 1) > mostMoves) throw error
      return attempt(secret)
    }
  }

  // Who sends it is told of what fails; what nobody sends any more fails nobody.
  const make = () => archive(offer.coding).on('error', () => {})

  const anew = (headers: Record<string, string>): Promise<DataDetail> => {
    const made = make()
    sent = unsent()
    return send(made, restOf(made, nothing, sent.seen), begin(to, headers), sent)
  }

  /** Undefined when what would be sent now is another archive. */
  const goOn = async (
    headers: Record<string, string>,
    came: Came,
  ): Promise<DataDetail | undefined> => {
    const made = make()
    sent = unsent()
    const rest = restOf(made, came, sent.seen)
    const { trailer: _, 'content-type': __, ...own } = headers
    const asking = setInterval(() => void askedOf(to, own).catch(() => {}), askedEvery)
    const first = await rest
      .next()
      .catch((error: unknown) => {
        made.destroy()
        if (error instanceof SentAnother) return undefined
        throw error
      })
      .finally(() => clearInterval(asking))
    if (came.bytes > 0) onResumed?.(first ? came.bytes : 0)
    if (!first) return undefined
    const from = { [uploadHeaders.offset.toLowerCase()]: `${came.bytes}` }
    return send(made, joined(first, rest), begin(to, { ...headers, ...from }), sent)
  }

  return changing(data.push, {
    ask: attempt,
    isSent: () => sent.isWhole,
    knowsKeys: async () => offer.keys,
    patiently: (ask) =>
      goingOn(
        () => retried(() => signedIn(token, ask), patience),
        () => reached,
        patience,
      ),
  })
}

/** What has gone out of an archive: what has not gone out as a whole no server takes. */
type Sent = { seen: Seen; isWhole: boolean }

const unsent = (): Sent => ({ seen: new Seen(), isWhole: false })

/** Whether asking how much has come tells where to go on: by now it is another number, or nothing. */
const isKnownBetter = (error: unknown): boolean =>
  error instanceof ApiError && (error.code === 'upload-offset' || error.code === 'upload-not-found')

const nothing: Came = { bytes: 0, md5: '' }

const typed = (coding: Coding): Record<string, string> => ({
  'content-type': archiveTypes[coding],
  trailer: checksumTrailer,
})

const begin = ({ connection, url, signal }: Upload, headers: Record<string, string>) =>
  connection.open(url, { method: 'POST', headers, signal })

async function* joined(first: IteratorResult<Buffer>, rest: AsyncIterable<Buffer>) {
  if (!first.done) yield first.value
  yield* rest
}

/** How much of an upload has come, or what became of it; undefined when nothing is known of it. */
async function askedOf(
  { connection, url, signal }: Upload,
  own: Record<string, string>,
): Promise<Came | DataDetail | undefined> {
  const headers = {
    ...own,
    [uploadHeaders.offset.toLowerCase()]: '0',
    [uploadHeaders.complete.toLowerCase()]: '?0',
    'content-length': '0',
  }
  const response = await responseOf(connection.open(url, { method: 'POST', headers, signal }).end())
  const answer = await received(response, text)
  const offset = response.headers[uploadHeaders.offset.toLowerCase()]
  const md5 = response.headers[uploadHeaders.md5.toLowerCase()]
  const head = headOf(response)
  if (typeof offset === 'string' && typeof md5 === 'string') return { bytes: Number(offset), md5 }
  if (head.status === 404) return undefined
  if (head.status === 204) throw refusal(data.push, head, answer)
  return readAnswer(data.push, head, answer)
}

/** Sends what is to be sent of an archive and reads the answer. What fails first, the archive or the request, is told. */
async function send(
  archive: Readable,
  rest: AsyncIterable<Buffer>,
  request: ClientRequest,
  sent: Sent,
): Promise<DataDetail> {
  const response = await answered(archive, rest, request, sent)
  const answer = await received(response, text)
  // A server may answer before it has read all.
  archive.destroy()
  return readAnswer(data.push, headOf(response), answer)
}

function answered(
  archive: Readable,
  rest: AsyncIterable<Buffer>,
  request: ClientRequest,
  sent: Sent,
): Promise<IncomingMessage> {
  async function* closed() {
    yield* rest
    sent.isWhole = true
    request.addTrailers({ [checksumTrailer]: sent.seen.digest() })
  }
  const packing = Promise.withResolvers<never>()
  archive.on('error', packing.reject)
  const response = responseOf(request)
  // A failure on one end destroys the other, so this has nothing new to tell.
  pipeline(closed, request).catch(() => archive.destroy())
  return Promise.race([response, packing.promise])
}
