import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { finished, PassThrough, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ArchiveError } from '#shared/archive/archive-error.ts'
import { flush } from '#shared/archive/flush.ts'
import { measure } from '#shared/archive/measure.ts'
import { openToAll } from '#shared/archive/open-to-all.ts'
import { pack } from '#shared/archive/pack.ts'
import { unpack } from '#shared/archive/unpack.ts'
import { contentOf, walk } from '#shared/archive/walk.ts'

export type AgentOptions = {
  /** Where the volume is mounted. */
  folder: string
  /** Whether a token is of somebody who may call. */
  mayCall(token: string | undefined): Promise<boolean>
  /** Milliseconds without a call after which the agent is not needed any more. */
  idle: number
  onIdle(): void
}

// Programs leave such things behind; they are no part of what is kept.
const lenient = { skipSpecial: true }

type Answer = object | Readable

/** Gives the bytes of a volume to those who may have them, and takes them: the same archives as everywhere. */
export function createAgent({ folder, mayCall, idle, onIdle }: AgentOptions): Server {
  const calls: Record<string, (incoming: IncomingMessage) => Promise<Answer>> = {
    'GET /ready': async () => ({}),
    'GET /measure': () => measure(folder, lenient),
    'GET /content': async () => pack(folder, lenient),
    'GET /log': async () => Readable.from(contents(folder), { objectMode: false }),
    'PUT /content': (incoming) => receive(incoming, folder),
  }
  const patience = idleness(idle, onIdle)
  const server = createServer({ requestTimeout: 0 }, async (incoming, outgoing) => {
    patience.begin()
    outgoing.once('close', patience.end)
    const token = incoming.headers.authorization?.replace(/^Bearer /, '')
    const call = calls[`${incoming.method} ${incoming.url}`]
    if (!(await mayCall(token))) reply(outgoing, 401, { message: 'nobody we know' })
    else if (!call) reply(outgoing, 404, { message: 'agents do no such thing' })
    else await serve(call(incoming), outgoing)
    // Who still sends what is not wanted reads the answer all the same.
    incoming.resume()
  })
  server.once('close', patience.stop)
  return server
}

async function serve(call: Promise<Answer>, outgoing: ServerResponse): Promise<void> {
  try {
    const answer = await call
    if (answer instanceof Readable) await pipeline(answer, outgoing)
    else reply(outgoing, 200, answer)
  } catch (error) {
    console.error(error)
    // Cut off, for whoever reads to see that this was not all.
    if (outgoing.headersSent) outgoing.destroy()
    else if (error instanceof ArchiveError)
      reply(outgoing, 422, { code: error.code, message: error.message })
    else reply(outgoing, 500, { message: String(error) })
  }
}

function reply(outgoing: ServerResponse, status: number, answer: object): void {
  outgoing.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
}

/** Programs run as anybody, and are to read what somebody pushed for himself. */
async function receive(incoming: IncomingMessage, folder: string) {
  const measured = await unpack(bodyOf(incoming), folder)
  await openToAll(folder)
  await flush(folder, measured.files)
  return measured
}

/** The body, on a stream of its own: who refuses it leaves the line open, for the answer that says why. */
function bodyOf(incoming: IncomingMessage): Readable {
  const body = new PassThrough()
  finished(incoming, { writable: false }, (error) => error && body.destroy(error))
  // The line may break before anybody reads; who reads then is told.
  return incoming.pipe(body.on('error', () => {}))
}

async function* contents(folder: string) {
  for await (const found of walk(folder, lenient)) {
    if (found.kind === 'file') yield* contentOf(found)
  }
}

/** Calls back when nothing has been in progress for a while. */
function idleness(idle: number, onIdle: () => void) {
  let inProgress = 0
  let timer = setTimeout(onIdle, idle)
  return {
    begin() {
      inProgress += 1
      clearTimeout(timer)
    },
    end() {
      inProgress -= 1
      if (inProgress === 0) timer = setTimeout(onIdle, idle)
    },
    stop: () => clearTimeout(timer),
  }
}
