import { Agent, createServer, request, type IncomingHttpHeaders } from 'node:http'
import { networkInterfaces } from 'node:os'
import { text } from 'node:stream/consumers'

// Read as it is by the Node of a Pod, which has nothing but Node: see probe.ts.

/** A request, and where it goes; `{self}` in the address stands for that of this Pod. */
export type Way = { url: string; headers: Record<string, string>; body: string }

/** What is measured so often, one way after the other: until the answer, or until what was sent has arrived here, as an event. */
export type Task = { ways: Record<string, Way>; times: number; until: 'answered' | 'arrived' }

/** An event that has arrived. */
export type Seen = { id: string; type: string; subject: string; trace: string }

const port = 8080
// Milliseconds an event may be on its way, or an answer.
const patience = 30_000
const agent = new Agent({ keepAlive: true })
const self = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ internal, family }) => !internal && family === 'IPv4')?.address

const seen: Seen[] = []
const awaited = new Map<string, (at: number) => void>()

createServer((incoming, outgoing) => {
  const { method, url, headers } = incoming
  const reply = (status: number, value: unknown) =>
    outgoing.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
  if (method === 'GET' && url === '/seen') reply(200, seen)
  else if (method === 'GET') reply(200, 'ready')
  else if (url === '/measure')
    text(incoming)
      .then((body) => measure(JSON.parse(body) as Task))
      .then((samples) => reply(200, samples))
      .catch((error: unknown) => reply(500, String(error)))
  else {
    arrived(headers)
    incoming.resume()
    outgoing.writeHead(202).end()
  }
}).listen(port)
// Process 1 ends at no signal of which it has not said so.
process.once('SIGTERM', () => process.exit())

function arrived(headers: IncomingHttpHeaders): void {
  const of = (name: string) => String(headers[`ce-${name}`] ?? '')
  const id = of('id')
  const wake = awaited.get(id)
  if (wake) wake(performance.now())
  else seen.push({ id, type: of('type'), subject: of('subject'), trace: of('traceparent') })
}

async function measure({ ways, times, until }: Task): Promise<Record<string, number[]>> {
  const samples: Record<string, number[]> = {}
  for (let time = 0; time < times; time += 1)
    for (const [name, way] of Object.entries(ways)) {
      const own = (samples[name] ??= [])
      own.push(until === 'answered' ? await untilAnswered(way) : await untilArrived(way))
    }
  return samples
}

async function untilAnswered(way: Way): Promise<number> {
  const start = performance.now()
  await send(way)
  return performance.now() - start
}

async function untilArrived({ url, headers, body }: Way): Promise<number> {
  const id = crypto.randomUUID()
  const there = arrivalOf(id, url)
  const start = performance.now()
  const [at] = await Promise.all([there, send({ url, headers: { ...headers, 'ce-id': id }, body })])
  awaited.delete(id)
  return at - start
}

/** When an event arrives here. */
function arrivalOf(id: string, url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const late = new Error(`what was sent to ${url} had not arrived after ${patience / 1000} s`)
    const timer = setTimeout(reject, patience, late)
    awaited.set(id, (at) => {
      clearTimeout(timer)
      resolve(at)
    })
  })
}

/** Rejects unless the answer is good. */
function send({ url, headers, body }: Way): Promise<void> {
  return new Promise((resolve, reject) => {
    const where = url.replace('{self}', self ?? '')
    const sent = request(where, { method: 'POST', headers, agent, timeout: patience })
    sent
      .once('timeout', () => sent.destroy(new Error(`${where} did not answer`)))
      .once('response', (answer) => {
        const { statusCode = 0 } = answer
        // What is broken off has no end.
        answer.resume().once('close', () => {
          if (statusCode < 200 || statusCode > 299)
            reject(new Error(`${where} answered ${statusCode}`))
          else if (answer.complete) resolve()
          else reject(new Error(`${where} broke off its answer`))
        })
      })
      .once('error', reject)
      .end(body)
  })
}
