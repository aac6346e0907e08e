import http, { type Agent, type ClientRequest, type IncomingMessage } from 'node:http'
import type { LookupFunction } from 'node:net'
import { Problem } from '#shared/contracts/problems.ts'
import type { Route } from '#shared/contracts/route.ts'
import { findExtraApi, readExtraApi, type ExtraApi } from '#shared/domain/extra-api.ts'
import type { Config } from '#shared/runtime/config.ts'
import { identityHeader } from '#shared/runtime/identity.ts'
import type { NodeBindings } from '#shared/runtime/read-request.ts'
import { sent } from '#shared/runtime/web.ts'
import { answerOf, endToEnd, passOn } from './forward.ts'
import { safeLookup } from '#shared/adapters/safe-lookup.ts'

type Settings = Pick<
  Config,
  'extraApis' | 'extraApiTimeout' | 'extraApiDeadline' | 'maxExtraApiBytes' | 'uploadLease'
>

/** Whoever passes requests on to an API that is not ours; as a route, so that it is asked for a role like one. */
export type Outside = {
  route: Route
  forward(request: Request, bindings: NodeBindings): Promise<Response>
}

/** Finds what the admin has named for a path; for another method, those that there are. */
export type FindOutside = (method: string, url: URL) => Outside | { allow: string } | undefined

export function extraApis(settings: Settings, lookup: LookupFunction = safeLookup()): FindOutside {
  const apis = settings.extraApis.map(readExtraApi)
  return (method, url) => {
    const found = findExtraApi(apis, url)
    if (!found) return undefined
    if (!methods.includes(method)) return { allow: methods.join(', ') }
    return {
      route: routeOf(found.api, method),
      forward: (request, bindings) => pass(found.url, request, bindings, { ...settings, lookup }),
    }
  }
}

/** Neither CONNECT, which leads elsewhere, nor TRACE, which tells what proxies have added, nor any that nobody here knows. */
const methods = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT']
const reading = new Set(['GET', 'HEAD', 'OPTIONS'])

const routeOf = ({ path }: ExtraApi, method: string): Route => ({
  name: 'extra',
  method: reading.has(method) ? 'get' : 'post',
  path: path as `/api/${string}`,
  summary: `Use what is at ${path}.`,
  role: reading.has(method) ? 'viewer' : 'user',
  response: 'application/octet-stream',
  problems: [],
})

/** Follows no redirect, takes no credentials along, and ends what is too long or too slow. */
async function pass(
  target: URL,
  request: Request,
  { incoming, outgoing }: NodeBindings,
  settings: Settings & { lookup: LookupFunction },
): Promise<Response> {
  if (!incoming || !outgoing) throw new Error('requests are passed on from a Node server only')
  const { extraApiTimeout, extraApiDeadline, maxExtraApiBytes, uploadLease, lookup } = settings
  const { request: open, agent } = clientFor(target.protocol)
  const headers = {
    ...ofRequest({ ...Object.fromEntries(request.headers), host: target.host }),
    // By itself Node would send what has no length without an end, for some methods, and it would count as another request.
    ...(incoming.headers['transfer-encoding'] && { 'transfer-encoding': 'chunked' }),
  }
  const onward = open(target, { agent, method: request.method, headers, lookup })
  // Of both directions: for as long, nothing has gone either way.
  onward.setTimeout(extraApiTimeout * 1000, () =>
    onward.destroy(new Error(`${target.host} was silent for ${extraApiTimeout} s`)),
  )
  // Who says a word now and then is never silent.
  const late = setTimeout(
    () => onward.destroy(new Error(`${target.host} took more than ${extraApiDeadline} s`)),
    extraApiDeadline * 1000,
  ).unref()
  onward.once('close', () => clearTimeout(late))
  const answered = answerOf(onward, awayFrom)
  sendBody(incoming, onward, maxExtraApiBytes)
  const answer = capped(await answered, maxExtraApiBytes)
  await passOn(answer, { incoming, outgoing, onward }, uploadLease)
  return sent
}

const awayFrom = (cause: unknown): Problem =>
  cause instanceof Problem
    ? cause
    : new Problem(
        'unavailable',
        'The API behind this path does not answer; try again in a moment.',
        {
          cause,
        },
      )

const agents = new Map<string, Agent>()

function clientFor(protocol: string) {
  const { request, Agent } = protocol === 'https:' ? process.getBuiltinModule('node:https') : http
  const agent = agents.get(protocol) ?? new Agent({ keepAlive: true })
  agents.set(protocol, agent)
  return { request, agent }
}

/** Who asks is said to functions of ours alone; for whom, nobody here has checked; and of trailers none are passed on. */
const ofOurs = /^(x-forwarded-.*|forwarded|trailer)$/

function ofRequest(headers: NodeJS.Dict<string | string[]>) {
  const named = String(headers['connection'] ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
  const dropped = [identityHeader, ...named]
  return Object.fromEntries(
    Object.entries(endToEnd(headers)).filter(
      ([name]) => !ofOurs.test(name) && !dropped.includes(name),
    ),
  )
}

function sendBody(incoming: IncomingMessage, onward: ClientRequest, maxBytes: number): void {
  let bytes = 0
  incoming.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > maxBytes)
      onward.destroy(
        new Problem(
          'too-large',
          `The body has more than ${maxBytes} bytes, which is the limit (maxExtraApiBytes).`,
        ),
      )
  })
  incoming.pipe(onward)
  incoming.once('close', () => {
    if (!incoming.complete) onward.destroy()
  })
}

/** An answer that breaks off where it is too long. */
function capped(answer: IncomingMessage, maxBytes: number): IncomingMessage {
  let bytes = 0
  answer.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > maxBytes) answer.destroy(new Error(`more than ${maxBytes} bytes`))
  })
  answer.pause()
  return answer
}
