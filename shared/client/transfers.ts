import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { IncomingMessage } from 'node:http'
import { data } from '#shared/contracts/data.ts'
import { archiveTypes } from '#shared/domain/archive-type.ts'
import { digestHeader, type RequestOf, type Route } from '#shared/contracts/route.ts'
import type { DataDetail } from '#shared/domain/data.ts'
import { headersFor, refusal, type ApiOptions, type CallOptions } from './api.ts'
import { signedIn } from './credential.ts'
import { headOf, pieces, received, type Connection } from './connection.ts'
import { thingsIn, type ListRoute, type ThingOf } from './list.ts'
import { resumed, Seen, SentAnother, type Opened } from './resumed.ts'
import { retried, type Patience } from './retry.ts'
import { routeUrl } from './route-url.ts'
import { checksumTrailer, upload, type Sendable } from './upload.ts'

export type Transfers = {
  /** What a route answers that finds things, one by one as they come: of a long list no more is held than one of them. */
  list<S extends ListRoute>(
    route: Route<S>,
    request: RequestOf<S>,
    options?: CallOptions,
  ): AsyncGenerator<ThingOf<S>>
  /**
   * Sends an archive, a tar.gz unless it is made as asked for, with its checksum behind it. `tags` are only a wish: some servers do not
   * read them. What can be made again, a function, goes on when the line breaks or the server is away for a moment.
   */
  push(archive: Sendable, options?: CallOptions & { tags?: string[] }): Promise<DataDetail>
  /**
   * An archive, also over a line that breaks: a tar.gz, or compressed with zstd where both ends know it and `zstd` allows it. The
   * stream fails at its end when the checksum is missing or another.
   */
  pull(knitId: string, options?: CallOptions & { zstd?: boolean }): Promise<Download>
  /** The bytes of one file of data, also over a line that breaks. */
  file(knitId: string, path: string, options?: CallOptions): Promise<Readable>
  /** The log as it is, or, with `follow`, until the program ends. */
  log(runId: string, options?: CallOptions & { follow?: boolean }): Promise<Readable>
}

/** `digest` is that of the tree that was stored, which whoever unpacks it compares; absent where the server does not say it. */
export type Download = Readable & { digest?: string | undefined }

/** Thrown at the end of a download of which the bytes are not those that were sent. */
export class DamagedTransfer extends Error {
  override readonly name = 'DamagedTransfer'
}

export function transfersOver(
  connection: Connection,
  { apiRoot, token, onAway, onResumed }: ApiOptions,
): Transfers {
  const download = (
    route: Route,
    request: object,
    { signal, headers: own }: CallOptions & { headers?: Record<string, string> },
  ) => {
    const url = routeUrl(apiRoot, route, request)
    const ask = async (secret?: string) => {
      const headers = { ...headersFor(secret), ...own }
      const options = { method: 'GET', headers, signal }
      return accepted(route, await connection.ask(url, options))
    }
    return retried(() => signedIn(token, ask), { signal, onAway })
  }

  return {
    async *list(route, request, { signal } = {}) {
      yield* thingsIn(route, await download(route, request, { signal }))
    },
    push: (archive, { tags = [], signal } = {}) => {
      const url = routeUrl(apiRoot, data.push, { tag: tags })
      return upload(archive, { connection, apiRoot, url, signal, token, onAway, onResumed })
    },
    async pull(knitId, { signal, zstd } = {}) {
      const accept = zstd ? `${archiveTypes.zstd}, ${headersFor(undefined)['accept']}` : undefined
      const ask = (range: Record<string, string> = {}) =>
        download(
          data.pull,
          { knitId },
          { signal, headers: { ...(accept && { accept }), ...range } },
        )
      const first = await ask()
      const archive = verified(first, ask, { signal, onAway, onResumed })
      const digest = headOf(first).headers.get(digestHeader.toLowerCase()) ?? undefined
      return Object.assign(Readable.from(archive, { objectMode: false }), { digest })
    },
    async file(knitId, path, { signal } = {}) {
      const ask = (range: Record<string, string> = {}) =>
        download(data.cat, { knitId, path }, { signal, headers: range })
      const { open } = opener(await ask(), ask)
      const file = unlessAnother('file', resumed(open, { signal, onAway, onResumed }))
      return Readable.from(file, { objectMode: false })
    },
    async log(runId, { follow, signal } = {}) {
      // Most of who transfers something reads no log.
      const { runs } = await import('#shared/contracts/runs.ts')
      const request = { runId, follow: follow ? '' : undefined }
      const response = await download(runs.log, request, { signal })
      return Readable.from(pieces(response), { objectMode: false })
    },
  }
}

async function accepted(route: Route, response: IncomingMessage): Promise<IncomingMessage> {
  const head = headOf(response)
  if (head.status >= 200 && head.status < 300) return response
  throw refusal(route, head, await received(response, text))
}

type Ask = (range: Record<string, string>) => Promise<IncomingMessage>

/** Opens a first answer, and those that go on with it or replace it; `last` is the one that was opened last. */
function opener(first: IncomingMessage, ask: Ask) {
  let last: IncomingMessage | undefined
  const open = async (bytes: number): Promise<Opened> => {
    last = last ? await ask(rangeFrom(bytes, first.headers.etag)) : first
    return { pieces: pieces(last), from: beginOf(last) }
  }
  return { open, last: () => last }
}

async function* unlessAnother(what: string, bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* bytes
  } catch (error) {
    if (!(error instanceof SentAnother)) throw error
    const why = `the line broke, and what the server sends now is another ${what}`
    throw new DamagedTransfer(why, { cause: error })
  }
}

/** The bytes of a first answer, and of those that follow it, which must be those of the checksum behind the last. */
async function* verified(
  first: IncomingMessage,
  ask: Ask,
  patience: Patience,
): AsyncGenerator<Buffer> {
  const seen = new Seen()
  const { open, last } = opener(first, ask)
  yield* unlessAnother('archive', resumed(open, patience, seen))
  const expected = last()?.trailers[checksumTrailer]
  if (!expected)
    throw new DamagedTransfer(
      'the server ended the download without its checksum: it is incomplete',
    )
  if (expected !== seen.digest())
    throw new DamagedTransfer('the checksum of the download is wrong: it was damaged on the way')
}

/** Asks for what follows so many bytes, if all of it is as it was. There is no end to be named, which RFC 8673 says so. */
const rangeFrom = (bytes: number, etag: string | undefined): Record<string, string> =>
  bytes > 0 && etag ? { range: `bytes=${bytes}-${Number.MAX_SAFE_INTEGER}`, 'if-range': etag } : {}

/** How many bytes an answer leaves out. */
const beginOf = ({ statusCode, headers }: IncomingMessage): number =>
  statusCode === 206 ? Number(/^bytes (\d+)-/.exec(headers['content-range'] ?? '')?.[1]) : 0
