import * as z from 'zod'
import {
  idempotencyHeader,
  isWrite,
  type RequestOf,
  type ResponseOf,
  type Route,
  type RouteSpec,
} from '#shared/contracts/route.ts'
import { ApiError, readErrorBody } from './api-error.ts'
import { changing } from './changing.ts'
import { signedIn, type Credential } from './credential.ts'
import { offerOf } from './offer.ts'
import { retried, type Patience } from './retry.ts'
import { routeUrl } from './route-url.ts'

export type ApiOptions = { apiRoot: string; token?: Credential } & Pick<
  Patience,
  'onAway' | 'onResumed'
>
export type CallOptions = {
  signal?: AbortSignal
  /** Told what comes with an answer besides its body. */
  onHeaders?: (headers: Answer['headers']) => void
}

/** As much of `fetch` as is needed here, so that a browser can pass its own. */
export type Fetch = (url: URL, init: RequestInit) => Promise<Answer>
type RequestInit = {
  method: string
  headers: Record<string, string>
  body?: string
  signal?: AbortSignal | undefined
}
type Answer = {
  status: number
  headers: { get(name: string): string | null }
  text(): Promise<string>
}

type JsonRoute = RouteSpec & { response: z.ZodType }

export type Api = {
  /**
   * Calls a route of which the answer is JSON, or nothing. Tried again when the server is away for a moment: what changes
   * something has a key, so that the server does it once even when its first answer was lost. One that knows no keys is not asked
   * again for what it may have done, which `MaybeDone` tells.
   */
  call<S extends JsonRoute>(
    route: Route<S>,
    request: RequestOf<S>,
    options?: CallOptions,
  ): Promise<ResponseOf<S>>
}

export function apiOver(fetch: Fetch, { apiRoot, token, onAway }: ApiOptions): Api {
  return {
    async call(route, request, { signal, onHeaders } = {}) {
      const url = routeUrl(apiRoot, route, request)
      const body = request.body === undefined ? undefined : JSON.stringify(request.body)
      const own = { ...keyFor(route), ...(body && { 'content-type': 'application/json' }) }
      const ask = async (secret?: string) => {
        const answer = await fetch(url, {
          method: route.method.toUpperCase(),
          headers: { ...headersFor(secret), ...own },
          body,
          signal,
        })
        onHeaders?.(answer.headers)
        return readAnswer(route, answer, await answer.text())
      }
      const patiently = (asked: typeof ask) =>
        retried(() => signedIn(token, asked), { signal, onAway })
      if (!isWrite(route)) return patiently(ask)
      const knowsKeys = async () => (await offerOf(fetch, { apiRoot, signal })).keys
      return changing(route, { ask, knowsKeys, patiently })
    },
  }
}

/** A new key for each request that changes something; the same for every try of it. */
export const keyFor = (route: Route): Record<string, string> =>
  isWrite(route) ? { [idempotencyHeader.toLowerCase()]: crypto.randomUUID() } : {}

export const headersFor = (token: string | undefined): Record<string, string> => ({
  accept: 'application/json, application/problem+json',
  ...(token && { authorization: `Bearer ${token}` }),
})

/** The value a text of an answer holds, without what the contract does not know. Throws `ApiError`. */
export function readAnswer<S extends JsonRoute>(
  route: Route<S>,
  answer: Omit<Answer, 'text'>,
  text: string,
): ResponseOf<S> {
  const { status } = answer
  if (status < 200 || status > 299) throw refusal(route, answer, text)
  return promised(route, status, route.response, valueOf(text)) as ResponseOf<S>
}

/** A value of an answer, without what the contract does not know. Throws `ApiError` for one that it does not promise. */
export function promised<T>(
  { name }: Route,
  status: number,
  schema: z.ZodType<T>,
  value: unknown,
): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw notPromised(name, status, z.prettifyError(result.error).split('\n')[0] ?? '')
}

export const notPromised = (route: string, status: number, why: string): ApiError =>
  new ApiError(route, status, {
    detail: `the answer is not what ${route} promises; is this the API of Knitfab? ${why}`,
  })

export function refusal(route: Route, answer: Omit<Answer, 'text'>, text: string): ApiError {
  const retryAfter = answer.headers.get('retry-after')
  return new ApiError(
    route.name,
    answer.status,
    readErrorBody(text),
    retryAfter === null ? undefined : Number(retryAfter),
  )
}

function valueOf(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}
