import { setImmediate as soon, setTimeout as later } from 'node:timers/promises'

// A cluster has more to do, and other work beside.
const usual = Number(process.env['KNIT_TEST_PATIENCE'] ?? 45_000)

/**
 * Resolves with the first true answer. Tests wait for conditions, never for times: the pause between two looks only keeps the
 * processor free, and the patience only ends a test that has failed.
 */
export async function until<T>(
  look: () => T | Promise<T>,
  { patience = usual } = {},
): Promise<NonNullable<T>> {
  const end = Date.now() + patience
  for (let looks = 0; ; looks += 1) {
    const answer = await look()
    if (answer) return answer
    if (Date.now() > end) throw new Error(`waited in vain for: ${look.toString()}`)
    await (looks < 3 ? soon() : later(Math.min(5 * looks, 100)))
  }
}
