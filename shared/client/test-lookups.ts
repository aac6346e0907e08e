import dns from 'node:dns'
import { onTestFinished, vi } from 'vitest'

const lost = Object.assign(new Error('getaddrinfo EAI_AGAIN'), { code: 'EAI_AGAIN' })

type Told = (error: Error | null, found?: { address: string; family: number }[]) => void

/**
 * For tests: what comes of looking the name of a host up, one time after the other, the last for good: its addresses, or that there is
 * nobody to ask, as without a network.
 */
export function lookups(...found: (string[] | 'lost')[]): void {
  const next = () => (found.length > 1 ? found.shift() : found[0]) ?? 'lost'
  const look = (_name: string, _options: object, tell: Told) => {
    const addresses = next()
    if (addresses === 'lost') tell(lost)
    else
      tell(
        null,
        addresses.map((address) => ({ address, family: 4 })),
      )
  }
  const spy = vi.spyOn(dns, 'lookup').mockImplementation(look as never)
  onTestFinished(() => spy.mockRestore())
}
