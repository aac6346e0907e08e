import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Sql } from '#shared/database/sql.ts'
import { identityHeader, signIdentity } from '#shared/runtime/identity.ts'
import { describedRoutes, type DescribedRoute } from './described-routes.ts'
import {
  alternate,
  atLeast,
  finding,
  median,
  ratioOf,
  roundsAtLeast,
  rounded,
  timed,
  type Bench,
  type Benchmark,
  type Facts,
  type Samples,
} from './harness.ts'
import { scale } from './population.ts'
import { kill } from './processes.ts'
import { sharesOfFile } from './profile.ts'
import { worldOf } from './world.ts'

const token = 'a token for benchmarks'
const { signingKey } = worldOf({} as Sql).config
const requests = Math.max(100, 2000 * scale)
const atATime = 16

const servers = ['ours', 'home', 'fastify', 'raw'] as const
type Who = (typeof servers)[number]
/** Where each route is, by whom it is served. */
type Ports = Record<Who, Record<string, number>>

export default {
  id: 'B14',
  what: 'every route over HTTP, with all that is done around its handler',
  async run(bench) {
    const started = servers.map(async (who) => [who, await start(bench, who)] as const)
    const ports = Object.fromEntries(await Promise.all(started)) as Ports
    const measured: Measured[] = []
    for (const route of describedRoutes) {
      await compareAnswers(route, ports)
      const lines = await open(route, ports)
      measured.push({ route, samples: await alternate(roundsAtLeast, takers(route, lines)) })
      for (const who of servers) for (const socket of lines[who]) socket.destroy()
    }
    const profiles = {
      ours: await profile(bench, measured, 'ours'),
      fastify: await profile(bench, measured, 'fastify'),
    }
    return [judge(measured, 'fastify', 0.85, profiles), judge(measured, 'raw', 0.6, profiles)]
  },
} satisfies Benchmark

/** Servers in a process of their own; gives back their ports. */
async function start(bench: Bench, who: Who): Promise<Record<string, number>> {
  const child = begin(bench, who)
  const [ports] = (await once(child, 'message')) as [Record<string, number>]
  return ports
}

function begin(bench: Bench, who: Who, execArgv: string[] = []): ChildProcess {
  const child = fork(join(import.meta.dirname, 'route-server.ts'), [who, token], { execArgv })
  bench.onEnd(() => kill(child))
  return child
}

/** Where the processor's time goes in one more server, which being watched makes slower, while it is asked for all routes. */
async function profile(bench: Bench, measured: readonly Measured[], who: Who): Promise<string> {
  const folder = await bench.folder(`profile-${who}`)
  const watched = ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--cpu-prof-interval=200']
  const child = begin(bench, who, watched)
  const [ports] = (await once(child, 'message')) as [Record<string, number>]
  for (const { route } of measured) {
    const lines = await linesTo(ports[route.contract.name] ?? 0)
    await taker(who, route, lines)()
    for (const line of lines) line.destroy()
  }
  const ended = once(child, 'exit')
  child.disconnect()
  await ended
  const [file = ''] = readdirSync(folder)
  return sharesOfFile(join(folder, file))
}

/** Functions are called as by the gateway, which is called as by users. */
async function credential(who: Who, route: DescribedRoute): Promise<[string, string]> {
  if (who === 'home') return ['authorization', `Bearer ${token}`]
  const caller = { name: 'token', role: 'admin', address: '127.0.0.1' } as const
  return [identityHeader, await signIdentity(caller, route.contract.name, signingKey)]
}

/** Shows that all of them answer the same, and that all but the bare one ask who calls and look at what is sent. */
async function compareAnswers(route: DescribedRoute, ports: Ports): Promise<void> {
  const { name } = route.contract
  const ask = async (who: Who, changes: Partial<DescribedRoute> = {}, header?: [string, string]) =>
    answerTo(
      ports[who][name] ?? 0,
      { ...route, ...changes },
      header ?? (await credential(who, route)),
    )
  const expected = await ask('raw')
  for (const who of ['ours', 'home', 'fastify'] as const) {
    const given = await ask(who)
    if (!isDeepStrictEqual(given, expected))
      throw new Error(
        `${name}: ${who} answers ${JSON.stringify(given)}, not ${JSON.stringify(expected)}`,
      )
    const stranger = await ask(who, {}, [identityHeader, 'another'])
    if (stranger.status < 400) throw new Error(`${name}: ${who} lets everybody in`)
    if (route.type !== 'application/json') continue
    const wrong = await ask(who, { body: '[1]' })
    if (wrong.status < 400) throw new Error(`${name}: ${who} takes any body`)
  }
}

async function answerTo(
  port: number,
  { contract: { method }, target, type, body }: DescribedRoute,
  header: [string, string],
): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(`http://127.0.0.1:${port}${target}`, {
    method: method.toUpperCase(),
    headers: [header, ...(type ? [['content-type', type] as [string, string]] : [])],
    ...(body !== undefined && { body }),
  })
  const text = await answer.text()
  const isJson = text !== '' && answer.headers.get('content-type')?.includes('json')
  return { status: answer.status, body: isJson ? (JSON.parse(text) as unknown) : text }
}

type Lines = Record<Who, Socket[]>

async function open({ contract: { name } }: DescribedRoute, ports: Ports): Promise<Lines> {
  const opened = servers.map(async (who) => [who, await linesTo(ports[who][name] ?? 0)] as const)
  return Object.fromEntries(await Promise.all(opened)) as Lines
}

async function linesTo(port: number): Promise<Socket[]> {
  const sockets = Array.from({ length: atATime }, () => connect(port, '127.0.0.1').setNoDelay())
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  return sockets
}

type Measured = { route: DescribedRoute; samples: Samples<Who> }

/** Milliseconds of so many requests for a route, some at a time. */
const taker = (who: Who, route: DescribedRoute, lines: readonly Socket[]) => async () => {
  const [first] = lines
  if (!first) throw new Error('there is no line')
  const request = requestOf(route, await credential(who, route))
  const length = await lengthOfAnswer(first, request)
  return timed(() =>
    Promise.all(lines.map((line) => askAgain(line, request, length, requests / atATime))),
  )
}

const takers = (route: DescribedRoute, lines: Lines): Record<Who, () => Promise<number>> => ({
  ours: taker('ours', route, lines.ours),
  home: taker('home', route, lines.home),
  fastify: taker('fastify', route, lines.fastify),
  raw: taker('raw', route, lines.raw),
})

function requestOf(
  { contract, target, type, body = '' }: DescribedRoute,
  [name, value]: [string, string],
): Buffer {
  const head = [
    `${contract.method.toUpperCase()} ${target} HTTP/1.1`,
    'host: 127.0.0.1',
    `${name}: ${value}`,
    ...(type ? [`content-type: ${type}`, `content-length: ${Buffer.byteLength(body)}`] : []),
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`)
}

/** Bytes of a whole answer: those of a server to the same request are all as long, and so are counted and not read. */
async function lengthOfAnswer(socket: Socket, request: Buffer): Promise<number> {
  socket.write(request)
  let text = ''
  for (;;) {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    text += chunk.toString('latin1')
    const end = text.indexOf('\r\n\r\n')
    if (end < 0) continue
    const head = text.slice(0, end + 4)
    const length = /^content-length: (\d+)\r$/im.exec(head)?.[1]
    if (length !== undefined && text.length >= head.length + Number(length)) return text.length
    if (/^HTTP\/1.1 204/.test(head) || text.endsWith('\r\n0\r\n\r\n')) return text.length
  }
}

/** One request after another over one line: who asks takes as little time as can be. */
function askAgain(socket: Socket, request: Buffer, length: number, times: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let [received, asked] = [0, 1]
    const take = (chunk: Buffer): void => {
      received += chunk.length
      if (received < asked * length) return
      if (received > asked * length) return reject(new Error('an answer was longer than others'))
      if (asked >= times) {
        socket.off('data', take)
        return resolve()
      }
      asked += 1
      socket.write(request)
    }
    socket.on('data', take)
    socket.once('close', () => reject(new Error('the server has closed the line')))
    socket.write(request)
  })
}

/** By the route that does worst. */
function judge(
  measured: readonly Measured[],
  beside: 'fastify' | 'raw',
  target: number,
  profiles: { ours: string; fastify: string },
) {
  const compared = measured
    .map(({ route, samples }) => ({
      name: route.contract.name,
      samples,
      ...ratioOf(samples[beside], samples.ours),
    }))
    .toSorted((a, b) => a.ratio - b.ratio)
  const [worst] = compared
  if (!worst) throw new Error('there are no routes')
  const aSecond = (samples: number[]) => Math.round((requests / median(samples)) * 1000)
  const facts: Facts = {
    'the slowest route': worst.name,
    ...Object.fromEntries(
      servers.map((who) => [`of it, ${who}, a second`, aSecond(worst.samples[who])]),
    ),
    'median of all routes, through the gateway in the same process': rounded(
      median(measured.map(({ samples }) => ratioOf(samples[beside], samples.home).ratio)),
    ),
    'median of all routes': rounded(median(compared.map(({ ratio }) => ratio))),
    'Fastify / bare HTTP, median of all routes': rounded(
      median(measured.map(({ samples }) => ratioOf(samples.raw, samples.fastify).ratio)),
    ),
    'where the time of ours goes (native code is mostly writes to sockets)': profiles.ours,
    'where that of Fastify goes': profiles.fastify,
    routes: compared.map(({ name, ratio }) => `${name} ${rounded(ratio)}`).join(', '),
  }
  const id = beside === 'fastify' ? 'B14' : `B14.${beside}`
  const what = `requests of the slowest route, a second: ours / ${beside === 'fastify' ? 'Fastify with the same work' : 'bare HTTP'}`
  return finding({ id, what, unit: '×' }, worst, atLeast(target), facts)
}
