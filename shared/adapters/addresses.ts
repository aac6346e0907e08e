import { BlockList, isIP } from 'node:net'

/** An address as it is compared and kept: IPv4 as such also where a socket of IPv6 brings it; undefined when it is none. */
export function plainAddress(text: string | undefined): string | undefined {
  const plain = text
    ?.trim()
    .replace(/^::ffff:(?=\d+\.)/i, '')
    .replace(/%.*$/, '')
  return plain !== undefined && isIP(plain) ? plain : undefined
}

/** Tells whether an address is one of these, or in one of these networks. */
export function addressesIn(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', bits] = network.split('/')
    if (bits === undefined) list.addAddress(address, familyOf(address))
    else list.addSubnet(address, Number(bits), familyOf(address))
  }
  return (address) => list.check(address, familyOf(address))
}

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4')
