/** Waits for some work, so many seconds at most. False when it goes on then: it is left to itself. */
export async function endsWithin(seconds: number, work: Promise<unknown>): Promise<boolean> {
  const enough = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => enough.resolve(false), seconds * 1000)
  try {
    return await Promise.race([work.then(() => true), enough.promise])
  } finally {
    clearTimeout(timer)
    work.catch(() => {})
  }
}

/** The result of `work`, which may take so many seconds and no longer. Whatever it still does then is no longer waited for. */
export async function within<T>(seconds: number, work: Promise<T>): Promise<T> {
  if (await endsWithin(seconds, work)) return work
  throw new Error(`it took longer than ${seconds} s`)
}
