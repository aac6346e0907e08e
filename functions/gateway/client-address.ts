import { isIPv6 } from 'node:net'
import { addressesIn, plainAddress } from '#shared/adapters/addresses.ts'
import type { NodeBindings } from '#shared/runtime/read-request.ts'

export type AddressOf = (
  request: Pick<Request, 'headers'>,
  bindings: NodeBindings,
) => string | undefined

/** Where requests come from. Each proxy adds whom it speaks for; one that is not trusted is the client, whatever it says. */
export function clientAddress(trustedProxies: readonly string[]): AddressOf {
  const isTrusted = addressesIn(trustedProxies)
  return ({ headers }, { incoming }) => {
    const told = (headers.get('x-forwarded-for') ?? '').split(',')
    let address = plainAddress(incoming?.socket.remoteAddress)
    while (address !== undefined && isTrusted(address)) {
      const before = plainAddress(told.pop())
      if (before === undefined) break
      address = before
    }
    return address
  }
}

/** Whom an address counts as: of IPv6 everybody has a network of 2^64 addresses. */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address
  const [head = '', tail] = address.split('::')
  const [left, right] = [head, tail].map((part) => (part ? part.split(':') : []))
  const zeros = tail === undefined ? 0 : 8 - (left?.length ?? 0) - (right?.length ?? 0)
  const groups = [...(left ?? []), ...Array<string>(zeros).fill('0'), ...(right ?? [])]
  return `${groups
    .slice(0, 4)
    .map((group) => group.toLowerCase().replace(/^0+(?=.)/, ''))
    .join(':')}::/64`
}
