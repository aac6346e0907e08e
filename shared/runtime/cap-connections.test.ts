import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { until } from '#tests/support/until.ts'
import { capConnections } from './cap-connections.ts'
import { closeServer, httpServer } from './http-server.ts'
import { answer } from './web.ts'

/** A server with caps, and how to reach it from an address of this machine. */
async function capped(caps: Partial<Parameters<typeof capConnections>[1]>) {
  const server = httpServer(() => answer('reached'))
  const most = { maxConnections: 100, maxConnectionsPerAddress: 100, trustedProxies: [] }
  capConnections(server, { ...most, ...caps })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => closeServer(server, 0))
  const { port } = server.address() as AddressInfo
  /** Resolves with a connection that is answered; undefined when it was ended before. */
  return async (localAddress = '127.0.0.1'): Promise<Socket | undefined> => {
    const socket = net.connect({ port, host: '127.0.0.1', localAddress })
    onTestFinished(() => void socket.destroy())
    socket.on('error', () => {})
    socket.write('GET / HTTP/1.1\r\nhost: h\r\n\r\n')
    const answered = once(socket, 'data').then(() => socket)
    const ended = new Promise<undefined>((resolve) =>
      socket.once('close', () => resolve(undefined)),
    )
    return Promise.race([answered.catch(() => undefined), ended])
  }
}

test('one address has so many connections and no more; others are served', async () => {
  const connect = await capped({ maxConnectionsPerAddress: 2 })
  const [first, second] = [await connect(), await connect()]
  expect([first, second]).not.toContain(undefined)
  expect(await connect()).toBeUndefined()
  expect(await connect('127.0.0.2')).toBeDefined()
  first?.destroy()
  await until(connect)
  expect(await connect()).toBeUndefined()
})

test('proxies that are trusted bring the connections of many', async () => {
  const connect = await capped({ maxConnectionsPerAddress: 1, trustedProxies: ['127.0.0.0/31'] })
  expect([await connect(), await connect()]).not.toContain(undefined)
  expect(await connect('127.0.0.2')).toBeDefined()
  expect(await connect('127.0.0.2')).toBeUndefined()
})

test('all together have so many connections and no more', async () => {
  const connect = await capped({ maxConnections: 2 })
  expect([await connect(), await connect('127.0.0.2')]).not.toContain(undefined)
  expect(await connect('127.0.0.3')).toBeUndefined()
})
