import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'

/**
 * A line to a server on which bytes stand still once so many have passed, of all that go there and back, until they may go on. What opens a
 * line only then is let pass, as who goes on where another broke.
 */
export async function heldLine(to: URL, after: number) {
  const reached = Promise.withResolvers<void>()
  const opened = Promise.withResolvers<void>()
  const sockets = new Set<Socket>()
  let passed = 0
  const held = async function* (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      passed += chunk.length
      if (passed > after) {
        reached.resolve()
        await opened.promise
      }
      yield chunk
    }
  }
  const free = (chunks: AsyncIterable<Buffer>) => chunks
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ host: to.hostname, port: Number(to.port), allowHalfOpen: true })
    const ways = [
      [near, far],
      [far, near],
    ] as const
    const way = passed > after ? free : held
    for (const [from, on] of ways) {
      sockets.add(from)
      from.on('error', () => {}).on('close', () => sockets.delete(from))
      // What breaks on one side it breaks on the other.
      pipeline(from, way, on).catch(() => {})
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    apiRoot: `http://127.0.0.1:${port}${to.pathname}`,
    /** When bytes stand still. */
    reached: reached.promise,
    goOn: () => opened.resolve(),
    async [Symbol.asyncDispose]() {
      opened.resolve()
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
