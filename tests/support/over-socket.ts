import { createHash } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { openDoor, type Door } from '../../functions/local/door.ts'
import { FolderTransfers } from './folder-transfers.ts'
import { test as apiTest } from './api.ts'
import type { TestWorld } from './world.ts'

/** A test of what goes over the wire. All tests of a file share one world and one front. */
export const test = apiTest.extend<{ $file: { front: Front } }>({
  front: [
    async ({ ctx }, use) => {
      const front = await openFront(ctx)
      await use(front)
      await front.close()
    },
    { scope: 'file' },
  ],
})

/** The gateway and all functions behind a real socket, with volumes that are real folders. */
export type Front = { world: TestWorld; volumes: FolderTransfers; door: Door; root: URL }

export async function openFront(world: TestWorld): Promise<Front & { close(): Promise<void> }> {
  const volumes = await FolderTransfers.open()
  world.transfers = volumes
  world.cluster.before = volumes.before
  world.config = { ...world.config, host: '127.0.0.1', port: 0, grace: 1 }
  const door = await openDoor(world)
  const close = async () => {
    await door.close()
    await volumes.close()
  }
  return { world, volumes, door, root: new URL(door.apiRoot), close }
}

export type Wish = {
  method?: string
  path: string
  headers?: http.OutgoingHttpHeaders
  body?: Readable | Buffer | string
  trailers?: Record<string, string>
  agent?: http.Agent
}

export type Reply = {
  status: number
  headers: http.IncomingHttpHeaders
  trailers: NodeJS.Dict<string>
  body: Buffer
  text: string
}

/** A request over the socket. A stream is sent in chunks, as fast as the server takes them, and the answer read meanwhile. */
export async function send(front: Pick<Front, 'root'>, wish: Wish): Promise<Reply> {
  const { body } = wish
  const request = begin(front, wish)
  const answered = replyTo(request)
  answered.catch(() => {})
  if (!(body instanceof Readable)) request.end(body)
  else {
    const sent = pipeline(body, request, { end: false }).catch(() => {})
    const early = await Promise.race([sent, answered])
    // Who has the answer has no reason to send the rest.
    if (early) request.destroy()
    else {
      if (wish.trailers) request.addTrailers(wish.trailers)
      request.end()
    }
  }
  return answered
}

/** A request over the socket of which nothing has been sent but its head. */
export function begin({ root }: Pick<Front, 'root'>, wish: Wish): http.ClientRequest {
  const { method = 'GET', path, headers, agent } = wish
  const request = http.request({
    host: root.hostname,
    port: root.port,
    method,
    path,
    agent: agent ?? false,
    ...(headers && { headers }),
  })
  request.on('error', () => {})
  return request
}

export const md5 = (bytes: Buffer): string => createHash('md5').update(bytes).digest('hex')

/** Resolves with the answer to a request that was begun by hand. */
export async function replyTo(request: http.ClientRequest): Promise<Reply> {
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks)
  const { statusCode: status = 0, headers, trailers } = response
  return { status, headers, trailers, body, text: body.toString() }
}
