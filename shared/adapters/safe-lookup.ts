import { lookup, type LookupAddress } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { addressesIn, plainAddress } from './addresses.ts'

type Resolve = (
  host: string,
  options: object,
  done: (error: Error | null, addresses: LookupAddress[]) => void,
) => void

const resolveAll: Resolve = (host, options, done) => lookup(host, { ...options, all: true }, done)

// Where clouds keep the secrets of their machines. Nobody's API is there, whatever a name leads to.
const isOfMachine = addressesIn(['169.254.0.0/16', 'fe80::/10', 'fd00:ec2::/32'])

/** Looks a host up, once: what was looked at is what is connected to, whatever the name leads to a moment later. */
export const safeLookup =
  (resolve: Resolve = resolveAll): LookupFunction =>
  (host, options, done) => {
    resolve(host, options, (error, addresses) => {
      const good = (addresses ?? []).filter(
        ({ address }) => !isOfMachine(plainAddress(address) ?? address),
      )
      const [first] = good
      if (error || !first) done(error ?? new Error(`${host} leads to no address for others`), '', 4)
      else if (options.all) done(null, good)
      else done(null, first.address, first.family)
    })
  }
