import {
  BatchV1Api,
  CoreV1Api,
  createConfiguration,
  KubeConfig,
  ServerConfiguration,
  setHeaderOptions,
  type Configuration,
  type RequestContext,
} from '@kubernetes/client-node'
import { STATUS_CODES } from 'node:http'
import type { RequestOptions } from 'node:https'
import type { Dispatcher } from 'undici'
import { Away, NoRoomNow, Unreachable } from '#shared/ports/cluster.ts'
import { isOverQuota, isWithoutRight, withRemedy } from './remedies.ts'

/** The parts of the API server we call, and how to call it where the client has no way to stream. */
export type Api = {
  core: CoreV1Api
  batch: BatchV1Api
  server: string
  /** Who we are, for a request of `node:https`. */
  credentials(): Promise<RequestOptions>
}

/**
 * The API server of the cluster we run in, or else of the kubeconfig of whoever started us. It answers within `patience` seconds, or
 * it does not: lines break that nobody hears of.
 */
export function connectApi(config: KubeConfig = ownConfig(), patience = 30): Api {
  const server = config.getCurrentCluster()?.server
  if (!server)
    throw new Error(
      'there is no Kubernetes here, neither an account of a cluster nor a kubeconfig with a current context: run this in a cluster, or name a kubeconfig in KUBECONFIG and choose one of its contexts (kubectl config use-context NAME)',
    )
  const settings = settingsFor(config, server, patience)
  return {
    core: new CoreV1Api(settings),
    batch: new BatchV1Api(settings),
    server,
    async credentials() {
      const options: RequestOptions = {}
      await config.applyToHTTPSOptions(options)
      return options
    },
  }
}

/** For clients whose every call ends, within `patience` seconds. */
export function settingsFor(config: KubeConfig, server: string, patience: number): Configuration {
  const keepLines = linesThatAreKept()
  return createConfiguration({
    baseServer: new ServerConfiguration(server, {}),
    authMethods: { default: config },
    promiseMiddleware: [
      {
        async pre(context: RequestContext) {
          context.setSignal(AbortSignal.timeout(1000 * patience))
          keepLines(context)
          return context
        },
        post: async (answer) => answer,
      },
    ],
  })
}

// A certificate by which somebody is known may be another one after a while.
const kept = 60_000

/**
 * Lets requests use the lines of those before. The client makes a dispatcher for each, and so a line, for which both sides compute
 * longer than for the request.
 */
function linesThatAreKept(): (context: RequestContext) => void {
  let lines: Dispatcher | undefined
  let until = 0
  return (context) => {
    const own = context.getDispatcher()
    if (own === undefined) return
    if (lines === undefined || Date.now() > until) {
      lines = own
      until = Date.now() + kept
    }
    context.setDispatcher(lines)
  }
}

function ownConfig(): KubeConfig {
  const config = new KubeConfig()
  config.loadFromDefault()
  return config
}

/** What the API server answered instead of doing as it was asked. */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly status: number

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.status = status
  }
}

/**
 * The answer to a call; `what` says for people what was asked. Who is not known there, or has no right to it, is told so by the
 * `Refused` that is the cause of `Away`.
 */
export async function ask<T>(what: string, call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (error) {
    const { name, code, body } = error as { name?: unknown; code?: unknown; body?: unknown }
    if (name === 'TimeoutError') throw new Away(`${what}: the API server did not answer in time`)
    if (typeof code === 'number') throw refusal(code, what, wordsOf(body ?? STATUS_CODES[code]))
    throw new Away(`${what}: the API server cannot be asked: ${rootOf(error)}`, { cause: error })
  }
}

function refusal(status: number, what: string, words: string): Error {
  const message = `${what}: ${withRemedy(words)}`
  if (isOverQuota(words)) return new NoRoomNow(message)
  const refused = new Refused(status, message)
  // Of our own account: no fault of what was asked for, and an admin mends it.
  if (status === 401 || isWithoutRight(words)) return new Away(message, { cause: refused })
  return isPassing(status) ? new Away(message) : refused
}

/** Too much to do, or trouble of its own. */
const isPassing = (status: number): boolean => status === 408 || status === 429 || status >= 500

/** The answer to a call; undefined when there is no such thing. */
export const askIfThere = <T>(what: string, call: Promise<T>): Promise<T | undefined> =>
  unless(404, ask(what, call))

/** The result of some work, or undefined when the API server answered with one of these. */
export async function unless<T>(
  status: number | readonly number[],
  work: Promise<T>,
): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (error instanceof Refused && [status].flat().includes(error.status)) return undefined
    throw error
  }
}

/** Of what is made for volumes, which is the same for everybody: that it is refused is for an admin to see to. */
export async function orUnreachable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    throw new Unreachable(error.message, { cause: error })
  }
}

/** The API server says in a Status what is wrong; proxies before it say it in any words, and the client keeps none of a 401. */
function wordsOf(body: unknown): string {
  const status = typeof body === 'string' ? parsed(body) : body
  const { message } = (status ?? {}) as { message?: unknown }
  return String(message ?? body).slice(0, 1000)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function rootOf(error: unknown): string {
  const { cause, message } = error as { cause?: unknown; message?: unknown }
  return cause instanceof Error ? rootOf(cause) : String(message ?? error)
}

/** Of a list, what things are called and no more of them. */
export const onlyMetadata = setHeaderOptions(
  'Accept',
  'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json',
)

// Of mere names an empty list is none.
type Page<T> = { items: T[] | null; metadata?: { _continue?: string } }
type AskForPage<T> = (part: { limit: number; _continue?: string }) => Promise<Page<T>>

/** A list in the parts in which the API server gives it. */
export async function* askInParts<T>(what: string, page: AskForPage<T>): AsyncGenerator<T[]> {
  let next: string | undefined
  do {
    const { items, metadata } = await ask(what, page({ limit: 500, ['_continue']: next }))
    if (items) yield items
    next = metadata?.['_continue']
  } while (next)
}

/** All of a list. */
export const askForAll = async <T>(what: string, page: AskForPage<T>): Promise<T[]> =>
  (await Array.fromAsync(askInParts(what, page))).flat()
