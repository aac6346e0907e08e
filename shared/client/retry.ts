import { ApiError, ConnectionError } from './api-error.ts'

const maxTries = 4
const longestWait = 10_000
const passing = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE'])

/** Asks again, a few times and not for long, when the server was away for a moment or asks for patience. */
export async function retried<T>(ask: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await ask()
    } catch (error) {
      const wait = waitAfter(error, tries)
      if (wait === undefined || tries === maxTries) throw error
      await pause(wait, signal)
    }
  }
}

/** Milliseconds to wait before the next try; undefined when there is no use in one. */
function waitAfter(error: unknown, tries: number): number | undefined {
  if (error instanceof ConnectionError && passing.has(error.code)) return 100 * 2 ** (tries - 1)
  if (!(error instanceof ApiError) || error.status !== 503) return undefined
  const wait = (error.retryAfter ?? Infinity) * 1000
  return wait <= longestWait ? wait : undefined
}

function pause(millis: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, millis)
    if (signal?.aborted) stop()
    else signal?.addEventListener('abort', stop, { once: true })
  })
}
