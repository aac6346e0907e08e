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
 * Calls a hook, once, following no redirect. Gives back the object that it answered as `application/json`, undefined for any
 * other kind of answer, which is not read. Throws `HookFailed`.
 */
export async function callHook(call: HookCall): Promise<Record<string, unknown> | undefined> {
  const signal = AbortSignal.timeout(call.timeout * 1000)
  try {
    const response = await fetch(call.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...call.headers },
      body: call.body,
      redirect: 'manual',
      signal,
    })
    const isJson = response.ok && response.headers.get('content-type') === 'application/json'
    if (isJson) return objectIn(await textOf(response, call.maxBytes))
    await response.body?.cancel()
    if (!response.ok) throw new HookFailed(`it answered ${response.status}`)
    return undefined
  } catch (error) {
    if (signal.aborted) throw new HookFailed(`it did not answer within ${call.timeout} s`)
    throw error instanceof HookFailed ? error : new HookFailed(reasonOf(error), { cause: error })
  }
}

async function textOf(response: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  // Leaving the loop by an error ends the connection.
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new HookFailed(`its answer has more than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return new TextDecoder().decode(Buffer.concat(chunks))
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

/** `fetch failed` says nothing; what it was caused by does. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error
  return cause instanceof Error ? cause.message || String(cause) : message
}
