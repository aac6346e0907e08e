import { setImmediate as soon, setTimeout as later } from 'node:timers/promises'

/**
 * Resolves with the first true answer. Tests wait for conditions, never for times: the pause between two looks only keeps the
 * processor free, and the patience only ends a test that has failed.
 */
export async function until<T>(
  look: () => T | Promise<T>,
  { patience = 45_000 } = {},
): Promise<NonNullable<T>> {
  const end = Date.now() + patience
  for (let looks = 0; ; looks += 1) {
    const answer = await look()
    if (answer) return answer
    if (Date.now() > end) throw new Error(`waited in vain for: ${look.toString()}`)
    await (looks < 3 ? soon() : later(Math.min(5 * looks, 100)))
  }
}
