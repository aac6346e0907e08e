import type { EventMessage } from '#shared/ports/event-bus.ts'

/*
 * As much of `Request`, `Response` and `Headers` as functions need. Node loads its own, and all of `fetch` with them, when the
 * first of them is used: that takes as long as everything else a function does before it can serve, and 12 MB.
 */

type Fields = Readonly<Record<string, string | readonly string[] | undefined>>

class LightHeaders {
  readonly #fields = new Map<string, string>()

  constructor(fields: Fields) {
    for (const name in fields) {
      const value = fields[name]
      if (value !== undefined) this.#fields.set(name.toLowerCase(), String(value))
    }
  }

  get(name: string): string | null {
    return this.#fields.get(name.toLowerCase()) ?? null
  }

  has(name: string): boolean {
    return this.#fields.has(name.toLowerCase())
  }

  set(name: string, value: string): void {
    this.#fields.set(name.toLowerCase(), value)
  }

  [Symbol.iterator](): Iterator<[string, string]> {
    return this.#fields.entries()
  }
}

type Head = { status?: number; headers?: Record<string, string> }

/** An answer whose whole content is known. */
export class LightResponse {
  readonly content: string | null
  readonly status: number
  readonly headers: LightHeaders

  constructor(content: string | null, { status = 200, headers = {} }: Head) {
    this.content = content
    this.status = status
    this.headers = new LightHeaders(headers)
    if (content !== null && !this.headers.has('content-type'))
      this.headers.set('content-type', 'text/plain;charset=UTF-8')
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300
  }

  async text(): Promise<string> {
    return this.content ?? ''
  }

  async json(): Promise<unknown> {
    return JSON.parse(this.content ?? '')
  }
}

/** An answer whose whole content is known, for all who take a `Response`. */
export const answer = (content: string | null, head: Head = {}): Response =>
  new LightResponse(content, head) as unknown as Response

/** What is returned by whoever writes the answer by hand. */
export const sent: Response = answer(null)

/** What functions see of a request. Its body they read from the raw one, where there is one. */
export type Asked = Pick<Request, 'method' | 'url' | 'headers' | 'signal' | 'body'> & {
  /** The whole body, where it is known from the start. */
  content?: string
}

type Parts = {
  method: string
  url: string
  headers: Fields
  /** Makes what is aborted when nobody waits for the answer any more; hardly anybody asks for it. */
  signal(): AbortSignal
  content?: string
}

class LightRequest {
  readonly method: string
  readonly url: string
  readonly headers: LightHeaders
  readonly body = null
  readonly content: string | undefined
  readonly #makeSignal: () => AbortSignal
  #signal: AbortSignal | undefined

  constructor({ method, url, headers, signal, content }: Parts) {
    this.method = method
    this.url = url
    this.headers = new LightHeaders(headers)
    this.content = content
    this.#makeSignal = signal
  }

  get signal(): AbortSignal {
    return (this.#signal ??= this.#makeSignal())
  }
}

/** A request whose body is known, or is read from the raw one, for all who take a `Request`. */
export const lightRequest = (parts: Parts): Request => new LightRequest(parts) as unknown as Request

const nothingAsked: URLSearchParams = new URLSearchParams()

/** The query of a whole URL. */
export function queryOf(url: string): Pick<URLSearchParams, 'get' | 'getAll' | 'has'> {
  const [address = ''] = url.split('#', 1)
  const start = address.indexOf('?')
  return start < 0 ? nothingAsked : new URLSearchParams(address.slice(start))
}

/** Whether a parameter says yes that counts by being there, with no value as with any but one. */
export const isOn = (value: string | null): boolean => value !== null && value !== 'false'

/** The request that brings a step an event, as it would arrive over the network. */
export const eventRequest = ({ headers, body }: EventMessage): Request =>
  lightRequest({
    method: 'POST',
    url: 'http://steps.local/',
    headers,
    signal: () => new AbortController().signal,
    content: body,
  })
