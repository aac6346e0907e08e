import { Problem, problems } from '#shared/contracts/problems.ts'
import type { Principal } from '#shared/runtime/identity.ts'
import { hashOf } from '#shared/runtime/token-secret.ts'
import type { Allowance } from './allowance.ts'
import type { Authenticate } from './authenticate.ts'
import { networkOf } from './client-address.ts'
import { Recent } from '#shared/runtime/recent.ts'

const remembered = 10_000

/**
 * Signs in, but for who does so too often: an address by its failures, a caller by their requests. A credential that was good
 * before is tried all the same, or whoever shares an address with a guesser, behind a proxy say, would be kept out by them.
 */
export function throttled(
  authenticate: Authenticate,
  { requests, failures }: { requests: Allowance; failures: Allowance },
): (request: Request, address: string | undefined) => Promise<Principal> {
  const good = new Recent<true>(remembered)
  return async (request, address = '') => {
    const from = networkOf(address)
    const credential = hashOf(request.headers.get('authorization') ?? '').toString('hex')
    if (!good.get(credential)) checkWait(failures.wait(from), 'Too many failures to sign in')
    const principal = await authenticate(request).catch((error: unknown) => {
      // A database, or a provider, that is away is nobody's guess.
      if (error instanceof Problem && problems[error.code].status < 500) {
        good.delete(credential)
        failures.take(from)
      }
      throw error
    })
    good.set(credential, true)
    checkWait(requests.take(principal.name), `Too many requests of ${principal.name}`)
    return principal
  }
}

/** Who reads what everybody may is known by their address alone. */
export const throttledByAddress =
  (requests: Allowance) =>
  (address = ''): void =>
    checkWait(requests.take(networkOf(address)), 'Too many requests without signing in')

function checkWait(seconds: number, what: string): void {
  if (seconds === 0) return
  const retryAfter = Math.max(1, Math.ceil(seconds))
  throw new Problem('too-many-requests', `${what}; try again in ${retryAfter} s.`, { retryAfter })
}
