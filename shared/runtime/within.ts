import { setTimeout as after } from 'node:timers/promises'

/** The result of `work`, which may take so many seconds and no longer. Whatever it still does then is no longer waited for. */
export async function within<T>(seconds: number, work: Promise<T>): Promise<T> {
  const over = new AbortController()
  const late = after(seconds * 1000, undefined, { signal: over.signal }).then(() => {
    throw new Error(`it took longer than ${seconds} s`)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    late.catch(() => {})
    work.catch(() => {})
    over.abort()
  }
}
