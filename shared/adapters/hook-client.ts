import http, { type IncomingMessage } from 'node:http'
import type { LookupFunction } from 'node:net'
import { safeLookup } from './safe-lookup.ts'

/** A call to a hook: where, what, and how much of an answer may be read in what time. */
export type HookCall = {
  url: string
  /** JSON text. */
  body: string
  headers: Record<string, string>
  /** Seconds for all of it, the answer's body included. */
  timeout: number
  maxBytes: number
}

/** A hook that did not agree: away, too slow, too long, or with another status than 2xx. */
export class HookFailed extends Error {
  override readonly name = 'HookFailed'
}

/**
 * Calls a hook, once, following no redirect: its name is looked up once, and never leads to the metadata of a machine. Gives back the
 * object that it answered as `application/json`, undefined for any other kind of answer, which is not read. Throws `HookFailed`.
 */
export async function callHook(
  call: HookCall,
  lookup: LookupFunction = safeLookup(),
): Promise<Record<string, unknown> | undefined> {
  const signal = AbortSignal.timeout(call.timeout * 1000)
  try {
    const answer = await answerTo(call, { signal, lookup })
    const { statusCode: status = 0 } = answer
    const isFine = status >= 200 && status < 300
    if (isFine && answer.headers['content-type'] === 'application/json')
      return objectIn(await textOf(answer, call.maxBytes))
    answer.destroy()
    if (!isFine) throw new HookFailed(`it answered ${status}`)
    return undefined
  } catch (error) {
    if (signal.aborted) throw new HookFailed(`it did not answer within ${call.timeout} s`)
    throw error instanceof HookFailed
      ? error
      : new HookFailed((error as Error).message, { cause: error })
  }
}

type How = { signal: AbortSignal; lookup: LookupFunction }

function answerTo({ url, headers, body }: HookCall, how: How): Promise<IncomingMessage> {
  const { request } = url.startsWith('https:') ? process.getBuiltinModule('node:https') : http
  return new Promise((resolve, reject) => {
    const options = { method: 'POST', headers: { ...asJson(body), ...headers }, agent: false }
    request(url, { ...options, ...how }, resolve)
      .on('error', reject)
      .end(body)
  })
}

const asJson = (body: string) => ({
  'content-type': 'application/json',
  'content-length': Buffer.byteLength(body),
})

async function textOf(answer: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  // Leaving the loop by an error ends the connection.
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new HookFailed(`its answer has more than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function objectIn(text: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new HookFailed('its answer is labelled application/json and is no JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new HookFailed('its answer is JSON, but no object')
  return value as Record<string, unknown>
}
