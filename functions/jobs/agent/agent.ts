import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { finished, PassThrough, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  folderVolumes,
  type FolderVolumes,
  type VolumeFolders,
} from '#shared/adapters/folder-volumes.ts'
import { allVolumes, heartbeat } from '#shared/adapters/kubernetes-cluster/agent-variables.ts'
import { fileHeaders, filesAsked } from '#shared/adapters/kubernetes-cluster/file-call.ts'
import { readLimits, readPart } from '#shared/adapters/kubernetes-cluster/part-headers.ts'
import { flush } from '#shared/archive/flush.ts'
import { openToAll } from '#shared/archive/open-to-all.ts'
import { digestHeader } from '#shared/contracts/route.ts'
import { parseRange } from '#shared/domain/byte-range.ts'
import type { Sending } from '#shared/ports/cluster.ts'
import { wantedCoding } from '#shared/runtime/preferred.ts'
import { complaintOf, removed } from './complaint.ts'

export type AgentOptions = {
  folders: VolumeFolders
  /** Whether a token is of somebody who may call about a volume, or about all of them. */
  mayCall(token: string | undefined, about: string): Promise<boolean>
  /** After how many milliseconds it says again that it is at work. */
  beat?: number
  /** After how many milliseconds without a call it is not needed any more; never, unless given. */
  idle?: { after: number; end(): void } | undefined
}

/** A stream that is sent with headers. */
class Sent {
  readonly content: Readable
  readonly headers: Record<string, string>

  constructor(content: Readable, headers: Record<string, string>) {
    this.content = content
    this.headers = headers
  }
}

type Answer = object | undefined | void
type Call = (volume: string, incoming: IncomingMessage, query: URLSearchParams) => Promise<Answer>

/** Gives the bytes of volumes to those who may have them, and takes them: the same archives as everywhere. */
export function createAgent({ folders, mayCall, idle, beat = heartbeat }: AgentOptions): Server {
  const volumes = folderVolumes(folders, {
    // Programs run as anybody, and are to read what somebody pushed for himself.
    async onReceived(folder, { files }) {
      await openToAll(folder)
      await flush(folder, files)
    },
  })
  const calls = callsOf(volumes)
  const patience = patienceOf(idle, volumes.areAwaited)
  const server = createServer({ requestTimeout: 0 }, async (incoming, outgoing) => {
    // The kubelet knows no token.
    if (incoming.url === '/healthz') return reply(outgoing, 200)
    const [place = '', query] = incoming.url?.split('?', 2) ?? []
    const [, about = '', ...part] = place.split('/')
    const path = [about === allVolumes ? about : ':volume', ...part].join('/')
    const call = calls[`${incoming.method} /${path}`]
    const token = incoming.headers.authorization?.replace(/^Bearer /, '')
    if (!(await mayCall(token, about))) reply(outgoing, 401, { message: 'nobody we know' })
    else if (!call) reply(outgoing, 404, { message: 'agents do no such thing' })
    // Who has gone meanwhile would be in progress for ever.
    else if (!outgoing.destroyed) {
      patience.begin()
      outgoing.once('close', patience.end)
      await serve(call(about, incoming, new URLSearchParams(query)), outgoing, beat)
    }
    // Who still sends what is not wanted reads the answer all the same.
    incoming.resume()
  })
  server.once('close', patience.stop)
  return server
}

const callsOf = (volumes: FolderVolumes): Record<string, Call> => ({
  [`GET /${allVolumes}`]: async () => linesOf(await volumes.listVolumes()),
  'GET /:volume': (name) => volumes.requireVolume(name),
  'PUT /:volume': (name) => volumes.ensureVolume({ name, labels: {} }),
  'DELETE /:volume': (name) => removed(volumes, name),
  'GET /:volume/measure': async (name) =>
    (await volumes.measureVolume(name)) ?? (await volumes.requireVolume(name)),
  'GET /:volume/log': (name) => volumes.readLog(name),
  'GET /:volume/files': (name, _, query) => volumes.listFiles(name, filesAsked(query)),
  'GET /:volume/file': async (name, { headers }, query) => {
    const path = query.get('path') ?? ''
    const { content, ...bytes } = await volumes.readFile(name, path, parseRange(headers.range))
    return new Sent(content, fileHeaders(bytes))
  },
  'GET /:volume/content': (name, { headers }) => volumes.send(name, wantedCoding(headers.accept)),
  'PUT /:volume/content': (name, incoming) => {
    const { headers } = incoming
    return volumes.receive(name, bodyOf(incoming), readPart(headers), readLimits(headers))
  },
})

/** Names, a page in each line. */
const linesOf = (pages: AsyncIterable<string[]>): Readable =>
  Readable.from(pages).map((page: string[]) => `${JSON.stringify(page)}\n`)

async function serve(call: Promise<Answer>, outgoing: ServerResponse, beat: number): Promise<void> {
  // Who waits for an answer knows so that there will be one, however long it takes.
  const sign = setInterval(() => outgoing.headersSent || outgoing.writeProcessing(), beat)
  try {
    const answer = await call
    if (answer instanceof Readable) await give(answer, outgoing)
    else if (answer instanceof Sent)
      await pipeline(answer.content, outgoing.writeHead(200, answer.headers))
    else reply(outgoing, 200, answer)
  } catch (error) {
    const [status, complaint] = complaintOf(error)
    if (status >= 500 || outgoing.headersSent) console.error(error)
    // Cut off, for whoever reads to see that this was not all.
    if (outgoing.headersSent) outgoing.destroy()
    else reply(outgoing, status, complaint)
  } finally {
    clearInterval(sign)
  }
}

/** Behind an archive its digest follows, for who knows what was stored. */
async function give(answer: Sending, outgoing: ServerResponse): Promise<void> {
  if (answer.digest) outgoing.setHeader('trailer', digestHeader)
  await pipeline(answer, outgoing, { end: false })
  const digest = answer.digest?.()
  if (digest) outgoing.addTrailers({ [digestHeader]: digest })
  outgoing.end()
}

function reply(outgoing: ServerResponse, status: number, answer: Answer = {}): void {
  outgoing.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
}

/** The body, on a stream of its own: who refuses it leaves the line open, for the answer that says why. */
function bodyOf(incoming: IncomingMessage): Readable {
  const body = new PassThrough()
  finished(incoming, { writable: false }, (error) => error && body.destroy(error))
  // The line may break before anybody reads; who reads then is told.
  return incoming.pipe(body.on('error', () => {}))
}

/** Calls back when nothing has been in progress for a while, and nothing more is awaited. */
function patienceOf(idle: AgentOptions['idle'], areAwaited: () => boolean) {
  const wait = () => idle && setTimeout(end, idle.after)
  const end = () => {
    if (areAwaited()) timer = wait()
    else idle?.end()
  }
  let inProgress = 0
  let timer = wait()
  return {
    begin() {
      inProgress += 1
      clearTimeout(timer)
    },
    end() {
      inProgress -= 1
      if (inProgress === 0) timer = wait()
    },
    stop: () => clearTimeout(timer),
  }
}
