import { expect, test } from 'vitest'
import type { IncomingMessage } from 'node:http'
import { clientAddress, networkOf } from './client-address.ts'

/** Where a request counts as from, of a peer that says for whom it speaks. */
function seen(trusted: string[], peer: string | undefined, forwarded?: string) {
  const headers = new Headers(forwarded === undefined ? {} : { 'x-forwarded-for': forwarded })
  const incoming = { socket: { remoteAddress: peer } } as IncomingMessage
  return clientAddress(trusted)({ headers }, { incoming })
}

test('without proxies that are trusted nobody speaks for others', () => {
  expect(seen([], '192.0.2.1', '203.0.113.9')).toBe('192.0.2.1')
  expect(seen(['10.0.0.0/8'], '192.0.2.1', '203.0.113.9')).toBe('192.0.2.1')
  expect(seen([], '::ffff:192.0.2.1')).toBe('192.0.2.1')
  expect(seen([], 'fe80::1%eth0')).toBe('fe80::1')
  expect(seen([], undefined, '203.0.113.9')).toBeUndefined()
})

test.for([
  ['10.1.2.3', '203.0.113.9', '203.0.113.9'],
  ['::ffff:10.1.2.3', ' 203.0.113.9 ', '203.0.113.9'],
  ['10.1.2.3', '::ffff:203.0.113.9', '203.0.113.9'],
  // What stands left of the last one that is not trusted, anybody may have written.
  ['10.1.2.3', '198.51.100.7, 203.0.113.9', '203.0.113.9'],
  ['10.1.2.3', '198.51.100.7, 203.0.113.9, 10.9.9.9, fd00::1', '203.0.113.9'],
  ['10.1.2.3', '10.0.0.1, 10.0.0.2', '10.0.0.1'],
  ['10.1.2.3', undefined, '10.1.2.3'],
  ['10.1.2.3', '', '10.1.2.3'],
  ['10.1.2.3', '203.0.113.9, unknown', '10.1.2.3'],
  ['10.1.2.3', '203.0.113.9, 10.5.5.5, <script>', '10.1.2.3'],
  ['10.1.2.3', '203.0.113.9:1234', '10.1.2.3'],
  ['127.0.0.1', '2001:db8::7', '2001:db8::7'],
] as const)('behind proxies, of %s for %j it is %s', ([peer, forwarded, address]) => {
  expect(seen(['10.0.0.0/8', 'fd00::/8', '127.0.0.1'], peer, forwarded)).toBe(address)
})

test('of IPv6 a whole network counts as one', () => {
  for (const address of ['2001:db8:0:1::1', '2001:DB8::1:0:0:0:9', '2001:0db8:0000:0001:1:2:3:4'])
    expect(networkOf(address)).toBe('2001:db8:0:1::/64')
  expect(networkOf('2001:db8::1')).toBe('2001:db8:0:0::/64')
  expect(networkOf('::1')).toBe('0:0:0:0::/64')
  expect(networkOf('192.0.2.1')).toBe('192.0.2.1')
})
