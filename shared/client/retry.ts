import { ApiError, ConnectionError } from './api-error.ts'

// Five seconds: as long as a home, or its door, takes to start again, and not longer than people wait for one that is down.
const away = [100, 200, 400, 800, 1500, 2000]
const passing = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE'])
const asksForPatience = new Set([429, 503])
const maxTries = 4
const longestWait = 10_000

export type Patience = {
  signal?: AbortSignal
  /** Told once, when a server is away for so long that people wonder: why, and for how many seconds it will be tried still, or Infinity. */
  onAway?: (error: Error, seconds: number) => void
  /** Told when a transfer goes on where its line broke: behind how many bytes. */
  onResumed?: (bytes: number) => void
}

/** Asks again, a few times and not for long, when the server was away for a moment or asks for patience. */
export async function retried<T>(
  ask: () => Promise<T>,
  { signal, onAway }: Patience = {},
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await ask()
    } catch (error) {
      const wait = waitAfter(error, tries)
      if (wait === undefined) throw error
      if (error instanceof ConnectionError && wait === longSilence)
        onAway?.(error, Math.round(sum(away.slice(tries - 1)) / 1000))
      await pause(wait, signal)
    }
  }
}

const longSilence = 800
const sum = (numbers: number[]): number => numbers.reduce((one, other) => one + other, 0)

/** Milliseconds to wait before the next try; undefined when there is no use in one. */
function waitAfter(error: unknown, tries: number): number | undefined {
  if (error instanceof ConnectionError && passing.has(error.code)) return away[tries - 1]
  if (!(error instanceof ApiError) || !asksForPatience.has(error.status) || tries >= maxTries)
    return undefined
  const wait = (error.retryAfter ?? Infinity) * 1000
  return wait <= longestWait ? wait : undefined
}

/** Throws when it is aborted meanwhile. */
export function pause(millis: number, signal?: AbortSignal): Promise<void> {
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
