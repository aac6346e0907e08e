/** Waits until some work has ended, for so many seconds at most: what has not ended by then is left to itself. */
export async function within(seconds: number, work: Promise<unknown>): Promise<void> {
  const enough = Promise.withResolvers<void>()
  const timer = setTimeout(enough.resolve, seconds * 1000)
  await Promise.race([work, enough.promise])
  clearTimeout(timer)
}
