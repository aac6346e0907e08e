import type { Server } from 'node:http'
import type { Server as TlsServer } from 'node:https'
import type { Socket } from 'node:net'
import { addressesIn, plainAddress } from '#shared/adapters/addresses.ts'
import type { Config } from './config.ts'

type Caps = Pick<Config, 'maxConnections' | 'maxConnectionsPerAddress' | 'trustedProxies'>

/** Ends what is connected beyond the caps, before anything is read of it. */
export function capConnections(server: Server | TlsServer, caps: Caps): void {
  const isTrusted = addressesIn(caps.trustedProxies)
  const open = new Map<string, number>()
  server.maxConnections = caps.maxConnections
  server.on('connection', (socket: Socket) => {
    const address = plainAddress(socket.remoteAddress)
    if (address === undefined || isTrusted(address)) return
    const count = (open.get(address) ?? 0) + 1
    if (count > caps.maxConnectionsPerAddress) {
      socket.destroy()
      return
    }
    open.set(address, count)
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1
      if (left > 0) open.set(address, left)
      else open.delete(address)
    })
  })
}
